"""docs/interop.md: the tables that the matrix writes, one pair for each Debian release it was run on."""
import pathlib
import re

import bench
import raw
import answers
from row import ROWS

SIGNING = "Answers signed otherwise than by a delegate with ECDSA P-256:"
PROFILES = "Under other profiles than `rfc6960`:"
BY_HAND = "Requests made by hand:"
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


def _kind_columns(kinds):
    return ["Client", *(answers.KINDS[name].title for name in kinds)]


def kind_table(accepted, kinds):
    lines = [_line(_kind_columns(kinds)), _line(["---"] * (len(kinds) + 1))]
    for key in answers.CLIENTS:
        lines.append(_line([ROWS[key].title, *(accepted[kind][key] for kind in kinds)]))
    return "\n".join(lines)


def with_tables(text, results, found, accepted):
    """`text` with this release's section in its place, or at its end."""
    begin, end = f"<!-- matrix: {release()} -->", "<!-- end of matrix -->"
    parts = [begin, f"## On {release()}", table(results), SIGNING, kind_table(accepted, answers.SIGNING), PROFILES,
             kind_table(accepted, answers.PROFILES), BY_HAND, raw_table(found), end]
    section = "\n\n".join(parts)
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    if pattern.search(text):
        return pattern.sub(lambda _: section, text)
    return text.rstrip("\n") + "\n\n" + section + "\n"


def _table_problems(text, columns, titles):
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("|")]
    found = [cells[0] for cells in rows[2:]]
    return (([] if rows and rows[0] == columns else [f"the columns are not {columns}"]) +
            [f"no row '{title}'" for title in titles if title not in found] +
            [f"'{title}' is no row any more" for title in found if title not in titles])


def shape_problems(text, listed):
    """What `text` (the page) or `listed` (the rows that CTest runs) lacks of this program's rows and columns, or has beyond."""
    problems = [f"CTest does not run the row '{key}'" for key in ROWS if key not in listed]
    problems += [f"CTest runs '{key}', which is no row" for key in listed if key not in ROWS]
    sections = re.findall(r"<!-- matrix: (.*?) -->(.*?)<!-- end of matrix -->", text, re.S)
    if not sections:
        problems.append("the page has no table; write it with --write")
    titles = [row.title for row in ROWS.values()]
    for name, section in sections:
        first, _, rest = section.partition(SIGNING)
        signing, _, rest = rest.partition(PROFILES)
        clients = [ROWS[key].title for key in answers.CLIENTS]
        for part, columns, due in ((first, COLUMNS, titles), (signing, _kind_columns(answers.SIGNING), clients),
                                   (rest.partition(BY_HAND)[0], _kind_columns(answers.PROFILES), clients)):
            problems += [f"{name}: {what}" for what in _table_problems(part, columns, due)]
    return problems
