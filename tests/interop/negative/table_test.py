#!/usr/bin/env python3
"""README.md's table names tests that are there, and this directory has no test that stands for nothing."""
import ast
import pathlib
import re
import unittest

HERE = pathlib.Path(__file__).parent
FILES = ("answers_test.py", "caching_proxy_test.py", "http_wire_test.py", "status_sources_test.py")


def tests_of(path):
    """{"Class.test_name"} of a file."""
    return {f"{group.name}.{test.name}" for group in ast.parse(path.read_text()).body if isinstance(group, ast.ClassDef)
            for test in group.body if isinstance(test, ast.FunctionDef) and test.name.startswith("test")}


def rows():
    """(line, [(file, "Class.test_name")]) of each row."""
    for line in (HERE / "README.md").read_text().splitlines()[2:]:
        if line.startswith("| ") and not line.startswith(("| Responder |", "| --- |")):
            named, file = [], None
            for text in re.findall(r"`([^`]+)`", line.rsplit(" | ", 1)[1]):
                if match := re.fullmatch(r"(?:(\S+\.py): )?(\w+\.test_\w+)", text):
                    file = match[1] or file
                    named.append((file, match[2]))
            yield line, named


class Table(unittest.TestCase):
    def test_every_row_names_tests_that_exist_or_says_why_not(self):
        found = list(rows())
        self.assertGreater(len(found), 30)
        for line, named in found:
            with self.subTest(row=line[:80]):
                self.assertTrue(named or "no test of time" in line)
                for file, test in named:
                    self.assertIn(test, tests_of(HERE / file))

    def test_every_file_of_tests_is_in_the_table(self):
        named = {file for _, tests in rows() for file, _ in tests}
        self.assertLessEqual(set(FILES), named)


if __name__ == "__main__":
    unittest.main()
