"""docs/interop.md: the tables that the matrix writes, one pair for each Debian release it was run on."""
import pathlib
import re

import bench
import raw
from row import ROWS

COLUMNS = ["Client", "Version", "Asks by", "CertID", "Nonce", "good", "revoked", "unknown", "Remark"]


def release():
    """Such as "Debian 12"."""
    values = dict(re.findall(r'^(\w+)="?(.*?)"?$', pathlib.Path("/etc/os-release").read_text(), re.M))
    return f"{values.get('NAME', 'Linux').removesuffix(' GNU/Linux')} {values.get('VERSION_ID', '')}".strip()


def _line(cells):
    return "| " + " | ".join(cells) + " |"


def _cells(result):
    row = result["row"]
    if "skipped" in result:
        return [row.title, "-", "-", "-", "-", "-", "-", "-", f"not tried: {result['skipped']}"]
    said = [result["said"][case] for case in bench.CASES]
    return [row.title, result["version"], result["method"], result["hash"].upper().replace("SHA", "SHA-"), result["nonce"], *said,
            result["note"]]


def table(results):
    return "\n".join([_line(COLUMNS), _line(["---"] * len(COLUMNS)), *(_line(_cells(result)) for result in results)])


def raw_table(found):
    columns = [(method, hash_name) for method in raw.METHODS for hash_name in raw.HASHES]
    lines = [_line(["Nonce", "Expected", *(f"{method}, {hash_name.upper().replace('SHA', 'SHA-')}" for method, hash_name in columns)]),
             _line(["---"] * (len(columns) + 2))]
    for length, due in raw.NONCES.items():
        name = "absent" if length is None else f"{length} octets" if length != 1 else "1 octet"
        lines.append(_line([name, due, *(found[method, hash_name, length] for method, hash_name in columns)]))
    return "\n".join(lines)


def with_tables(text, results, found):
    """`text` with this release's section in its place, or at its end."""
    begin, end = f"<!-- matrix: {release()} -->", "<!-- end of matrix -->"
    section = (f"{begin}\n\n## On {release()}\n\n{table(results)}\n\nRequests made by hand:\n\n"
               f"{raw_table(found)}\n\n{end}")
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    if pattern.search(text):
        return pattern.sub(lambda _: section, text)
    return text.rstrip("\n") + "\n\n" + section + "\n"


def shape_problems(text, listed):
    """What `text` (the page) or `listed` (the rows that CTest runs) lacks of this program's rows and columns, or has beyond."""
    problems = [f"CTest does not run the row '{key}'" for key in ROWS if key not in listed]
    problems += [f"CTest runs '{key}', which is no row" for key in listed if key not in ROWS]
    sections = re.findall(r"<!-- matrix: (.*?) -->(.*?)<!-- end of matrix -->", text, re.S)
    if not sections:
        problems.append("the page has no table; write it with --write")
    titles = [row.title for row in ROWS.values()]
    for name, section in sections:
        first = section.partition("Requests made by hand")[0]
        rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in first.splitlines() if line.startswith("|")]
        if not rows or rows[0] != COLUMNS:
            problems.append(f"{name}: the columns are not {COLUMNS}")
        found = [cells[0] for cells in rows[2:]]
        problems += [f"{name}: no row '{title}'" for title in titles if title not in found]
        problems += [f"{name}: '{title}' is no row any more" for title in found if title not in titles]
    return problems
