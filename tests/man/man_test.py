#!/usr/bin/env python3
"""The man pages name every command, option, format and exit code that the program names, and none besides.

usage: man_test.py MUSTER MAN_DIRECTORY [unittest's arguments]
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


def output_of(*arguments):
    return subprocess.run([MUSTER, *arguments], capture_output=True, text=True, check=True, timeout=30).stdout


def help_of(command):
    """Help of a command and of its subcommands."""
    text = output_of(command, "--help")
    below = re.findall(r"^  ([a-z]+) +\S", text.split("Subcommands:", 1)[1], re.M) if "Subcommands:" in text else []
    below += re.findall(rf"'muster {command} ([a-z]+)\b", text)  # as the responder's help tells them
    return text + "".join(output_of(command, name, "--help") for name in below)


def page(name):
    """Text of a page as a reader sees hyphens and fonts."""
    text = (PAGES / name).read_text().replace("\\-", "-").replace("\\&", "")
    return re.sub(r"\\f[BIRP]", "", text)


def section(text, name):
    return text.split(f".SH {name}\n", 1)[1].split("\n.SH ", 1)[0]


class Pages(unittest.TestCase):
    def assert_same(self, program, written, where):
        self.assertTrue(program, "the program names nothing: is the pattern wrong?")
        self.assertEqual(sorted(program - written), [], f"to be added to docs/man/{where}")
        self.assertEqual(sorted(written - program), [], f"docs/man/{where} has what the program does not know")

    def test_check_has_every_option(self):
        text = page("muster-check.1")
        options = section(text, "OPTIONS")
        self.assert_same(set(OPTION.findall(output_of("check", "--help"))) | {"--help"},
                         set(OPTION.findall(options)), "muster-check.1")

    def test_examples_use_options_there_are(self):
        text = page("muster-check.1")
        known = set(OPTION.findall(section(text, "OPTIONS")))
        self.assertEqual(set(OPTION.findall(text)) - known, set())

    def test_every_other_page_has_every_option(self):
        for path in sorted(PAGES.glob("muster-*.1")):
            if path.name == "muster-check.1":
                continue
            with self.subTest(page=path.name):
                command = path.stem.removeprefix("muster-")
                self.assert_same(set(OPTION.findall(help_of(command))) | {"--help"},
                                 set(OPTION.findall(section(page(path.name), "OPTIONS"))), path.name)

    def test_lint_has_every_profile_and_exit_code(self):
        rules = json.loads(output_of("lint", "--list-rules", "--format", "json"))
        options = section(page("muster-lint.1"), "OPTIONS").split("--profile", 1)[1].split(".TP", 1)[0]
        self.assert_same({p for rule in rules for p in rule["profiles"]},
                         set(re.findall(r"^\.BR? ([a-z0-9-]+)", options, re.M)), "muster-lint.1")
        told = output_of("lint", "--help").split("Exit code:", 1)[1]
        self.assert_same(set(re.findall(r"\b(\d+) +[a-z]", told)),
                         set(re.findall(r"^\.B (\d+)$", section(page("muster-lint.1"), "EXIT STATUS"), re.M)), "muster-lint.1")

    def test_every_exit_code_is_told(self):
        entries = json.loads(output_of("explain", "--list", "--json"))["entries"]
        codes = {str(e["exit_code"]) for e in entries if e["exit_code"] is not None}
        status = section(page("muster-check.1"), "EXIT STATUS")
        self.assert_same(codes, set(re.findall(r"^\.B (\d+)$", status, re.M)), "muster-check.1")
        for entry in entries:
            if entry["kind"] == "verdict":
                word = {"not-needed": "not meant to be checked"}.get(entry["code"], entry["code"])
                self.assertIn(word, status, "a verdict without its exit code")

    def test_every_format_and_level_is_told(self):
        options = section(page("muster-check.1"), "OPTIONS")
        for option, pattern in (("--format", r"^\.B (\w+)$"), ("--fail-on", r"^\.BR? (\w+)")):
            refusal = subprocess.run([MUSTER, "check", "x", option, "none-such"], capture_output=True, text=True,
                                     timeout=30, check=False).stderr
            words = set(re.findall(r"\w+", refusal.split("is not one of", 1)[1].splitlines()[0]))
            block = options.split(f"{option} ", 1)[1].split("\n.TP\n.B", 1)[0] if option == "--fail-on" \
                else options.split(f"{option} ", 1)[1].split("\n.RE", 1)[0]
            self.assertLessEqual(words, set(re.findall(pattern, block, re.M)) | set(re.findall(r"\w+", block)), option)
            self.assertTrue(words)

    def test_muster_has_every_command(self):
        commands = set(re.findall(r"^  ([a-z]+) +\S", output_of("--help"), re.M))
        written = set(re.findall(r"^\.TP\n\.B (\w+)$", section(page("muster.1"), "COMMANDS"), re.M))
        self.assert_same(commands, written, "muster.1")

    def test_every_command_with_options_has_a_page_that_is_installed(self):
        pages = {path.name for path in PAGES.glob("*.1")}
        commands = set(re.findall(r"^  ([a-z]+) +\S", output_of("--help"), re.M)) - {"version"}
        self.assertEqual(pages, {"muster.1"} | {f"muster-{command}.1" for command in commands})
        index = page("muster.1")
        listing = (PAGES.parent.parent / "apps/muster/CMakeLists.txt").read_text()
        for command in sorted(commands):
            self.assertIn(f".B {command}\n", index)
            self.assertIn(f".BR muster-{command} (1)", section(index, "COMMANDS"))
            self.assertIn(f".BR muster-{command} (1)", section(index, "SEE ALSO"))
        for name in sorted(pages):
            self.assertIn(f"/{name}", listing, "a page that is not installed")

    def test_pages_refer_to_pages_and_documents_there_are(self):
        for path in sorted(PAGES.glob("*.1")):
            text = page(path.name)
            for name in re.findall(r"\b(muster(?:-[a-z]+)?) ?\(1\)", text):
                self.assertTrue((PAGES / f"{name}.1").exists(), f"{path.name} refers to {name}(1)")
            for name in re.findall(r"\bdocs/[\w/.-]+\b", text):
                self.assertTrue((PAGES.parent.parent / name).exists(), f"{path.name} refers to {name}")

    def test_readers_have_nothing_to_complain_of(self):
        readers = [["groff", "-man", "-Tutf8", "-ww", "-z"], ["mandoc", "-man", "-Tlint", "-W", "warning"],
                   ["man", "--warnings", "-l", "-Tutf8"]]
        for reader in readers:
            if shutil.which(reader[0]) is None:
                print(f"not tested: {reader[0]} is not installed", file=sys.stderr)
                continue
            for path in sorted(PAGES.glob("*.1")):
                with self.subTest(reader=reader[0], page=path.name):
                    run = subprocess.run([*reader, str(path)], capture_output=True, text=True, timeout=60, check=False,
                                         env={"PATH": "/usr/bin:/bin", "MANWIDTH": "100", "LC_ALL": "C.UTF-8",
                                              "MANPAGER": "cat"})
                    self.assertEqual(run.stderr + ("" if reader[0] == "man" else run.stdout), "")
                    self.assertEqual(run.returncode, 0)

    def test_the_reader_notices_a_broken_page(self):
        if shutil.which("groff") is None:
            self.skipTest("groff is not installed")
        run = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=".TH X 1\n.SH NAME\n.nosuchmacro\n",
                             capture_output=True, text=True, timeout=60, check=False)
        self.assertIn("nosuchmacro", run.stderr)


if __name__ == "__main__":
    MUSTER, PAGES = sys.argv[1], pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
