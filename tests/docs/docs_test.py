#!/usr/bin/env python3
"""README.md and docs/ name options, codes and keys that the program knows, and their links
lead somewhere, tables are whole.

usage: docs_test.py MUSTER SOURCE_DIR [unittest's arguments]
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)


def run(*arguments):
    return subprocess.run([MUSTER, *arguments], capture_output=True, text=True, timeout=30, check=False)


def known_options():
    """{command: {subcommand, or "" for the command itself: its options}}"""
    known = {}
    for command in re.findall(r"^  ([a-z]+) +\S", run("--help").stdout, re.M):
        text = run(command, "--help").stdout
        below = re.findall(r"^  ([a-z]+) +\S", text.split("Subcommands:", 1)[1], re.M) if "Subcommands:" in text else []
        below += re.findall(rf"'muster {command} ([a-z]+)\b", text)
        known[command] = {"": set(OPTION.findall(text)) | {"--help"}}
        for name in below:
            known[command][name] = set(OPTION.findall(run(command, name, "--help").stdout))
    return known


def unknown_options(text, known):
    """(command line, option) for options behind `muster COMMAND` that neither it nor its subcommand there knows."""
    found = []
    lines = text.replace("\\\n", " ").splitlines()
    for match in (m for line in lines for m in re.finditer(rf"\bmuster ({'|'.join(known)})\b([^`|;&]*)", line)):
        options = known[match[1]]
        allowed = set().union(*(options[name] for name in options if not name or name in match[2].split()))
        found += [(match[0].strip(), option) for option in OPTION.findall(match[2]) if option not in allowed]
    return found


def anchors(text):
    """What GitHub makes of headings."""
    found, seen = set(), {}
    for heading in re.findall(r"^#+ +(.*?) *$", FENCE.sub("", text), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        seen[slug] = seen.get(slug, -1) + 1
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
    return found


def broken_links(path, text):
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target.read_text())):
            found.append(link)
    return found


def pages():
    """[(path, text)] of what people read."""
    paths = [SOURCE / "README.md", SOURCE / "SECURITY.md", *sorted((SOURCE / "docs").rglob("*.md")),
             *sorted((SOURCE / "libs").glob("*/README.md"))]
    return [(path, path.read_text()) for path in paths]


def torn_tables(text):
    """Rows that no table holds, and rows with another number of cells than the first of their table."""
    found, cells, lines = [], 0, FENCE.sub("", text).splitlines()
    for number, line in enumerate(lines):
        here = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        if here and not cells and not re.match(r"\|[ :|-]+\|$", lines[number + 1] if number + 1 < len(lines) else ""):
            found.append(line)
        elif here and cells and here != cells:
            found.append(line)
        cells = (cells or here) if here else 0
    return found


class Documents(unittest.TestCase):
    def on(self, path):
        return self.subTest(page=str(path.relative_to(SOURCE)))

    def test_options_of_commands_are_known(self):
        known = known_options()
        self.assertIn("--batch", known["responder"]["export"], "subcommands are not found: is the pattern wrong?")
        for path, text in pages():
            with self.on(path):
                self.assertEqual(unknown_options(text, known), [])

    def test_codes_are_explained(self):
        for path, text in pages():
            for code in re.findall(r"\bmuster explain ([a-z0-9][a-z0-9-]*)", text):
                with self.on(path):
                    self.assertEqual(run("explain", code).returncode, 0, code)

    def test_toml_is_taken(self):
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory) / "muster.toml"
            for path, text in pages():
                for block in re.findall(r"^```toml\n(.*?)^```$", text, re.M | re.S):
                    file.write_text(block)
                    checked = run("config", "check", str(file))
                    with self.on(path):
                        self.assertEqual(checked.returncode, 0, checked.stderr + block)

    def test_links_lead_somewhere(self):
        for path, text in pages():
            with self.on(path):
                self.assertEqual(broken_links(path, text), [])

    def test_every_page_is_found_from_the_readme(self):
        found, todo = set(), [SOURCE / "README.md"]
        while todo:
            page = todo.pop()
            found.add(page)
            links = re.findall(r"\]\(([^)#:\s]+\.md)[)#]", page.read_text())
            todo += {path for path in ((page.parent / link).resolve() for link in links) if path.exists()} - found
        for place in ("howto", "operating", "reports"):
            self.assertEqual(sorted(str(path) for path in set((SOURCE / "docs" / place).glob("*.md")) - found), [])

    def test_tables_are_whole(self):
        for path, text in pages():
            with self.on(path):
                self.assertEqual(torn_tables(text), [])

    def test_howtos_are_listed(self):
        listed = re.findall(r"\]\(([\w-]+\.md)\)", (SOURCE / "docs/howto/README.md").read_text())
        self.assertEqual({path.name for path in (SOURCE / "docs/howto").glob("*.md")} - {"README.md"}, set(listed))

    def test_documents_named_are_there(self):
        for path, text in pages():
            for name in re.findall(r"`(docs/[\w/.-]+\.\w+)`", text):
                with self.on(path):
                    self.assertTrue((SOURCE / name).exists(), name)


class WhatIsWrongIsFound(unittest.TestCase):
    def test_options(self):
        known = {"store": {"": {"--ca"}, "get": {"--json"}, "set": {"--at"}}}
        self.assertEqual(unknown_options("`muster store --ca x get 1 --json`, and `--other`\nmuster store \\\n set --at 1", known), [])
        self.assertEqual(unknown_options("muster store get 1 --at 2", known), [("muster store get 1 --at 2", "--at")])

    def test_links(self):
        with tempfile.TemporaryDirectory() as directory:
            page = pathlib.Path(directory) / "a.md"
            page.write_text("# One `thing`, twice\n```\n# no heading\n```\n")
            self.assertEqual(broken_links(page, "[a](a.md#one-thing-twice) [b](https://x/y) [c](#one-thing-twice)"), [])
            self.assertEqual(broken_links(page, "[a](a.md#no-heading) [b](b.md)"), ["a.md#no-heading", "b.md"])

    def test_tables(self):
        table = "| a | b |\n| --- | --- |\n| 1 | 2 \\| 3 |\n"
        self.assertEqual(torn_tables(table), [])
        self.assertEqual(torn_tables(table + "| 1 |\n\n| lost | row |\n"), ["| 1 |", "| lost | row |"])


if __name__ == "__main__":
    MUSTER, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
