#!/usr/bin/env python3
"""Who accepts which answer: every answer of the corpus is shown to muster and to other people's programs.

usage: acceptance.py --muster PROGRAM --writer PROGRAM --server PROGRAM [--write docs/acceptance.md]
"""
import argparse
import pathlib
import re
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent), str(pathlib.Path(__file__).resolve().parent.parent / "matrix")]
from kit import process  # noqa: E402
from report import release  # noqa: E402
import peers  # noqa: E402
import scene  # noqa: E402

RIGHT = 3  # the first rows are right answers
MARKS = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end -->)", re.S)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("muster", "writer", "server"):
        parser.add_argument(f"--{name}", required=True, type=lambda text: str(pathlib.Path(text).resolve()))
    parser.add_argument("--write", type=pathlib.Path)
    return parser.parse_args()


def _line(cells):
    return "| " + " | ".join(cells) + " |"


def table(where, columns):
    """The rows, and how many wrong answers each column accepts."""
    accepted = {column.key: 0 for column in columns}
    lines = [_line(["Answer", "Reason code", *(column.title for column in columns)]), _line(["---"] * (len(columns) + 2))]
    for number, answer in enumerate(where.answers):
        said = {column.key: column.judge(where, answer["name"]) for column in columns}
        if number >= RIGHT:
            for key, word in said.items():
                accepted[key] += word.startswith(peers.ACCEPTS)
        lines.append(_line([answer["name"], f"`{answer['code']}`",
                            *(f"**{word}**" if number >= RIGHT and word.startswith(peers.ACCEPTS) else word for word in said.values())]))
    lines.append(_line(["wrong answers accepted", f"of {len(where.answers) - RIGHT}", *(str(n) for n in accepted.values())]))
    return "\n".join(lines)


def main():
    options = arguments()
    columns = [column for column in peers.COLUMNS if column.program is None or process.find(column.program)]
    with scene.Scene(options.muster, options.writer, options.server) as where:
        text = table(where, columns)
    versions = ", ".join(f"{column.title.split('`')[1].split()[0]} {column.version()}"
                         for column in columns if column.version and column.key not in ("s_client",))
    text = f"\n{release()}: {versions}.\n\n{text}\n"
    if not options.write:
        print(text)
        return 0
    page = options.write.read_text()
    if not MARKS.search(page):
        raise SystemExit(f"{options.write}: no place for the table ('<!-- table -->' and '<!-- end -->')")
    options.write.write_text(MARKS.sub(lambda _: text, page))
    return 0


if __name__ == "__main__":
    sys.exit(main())
