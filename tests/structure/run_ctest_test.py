#!/usr/bin/env python3
"""tools/run_ctest.sh gives a few failed tests a second try where it is told to, and a crash none."""
import os
import pathlib
import runpy
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "run_ctest.sh"
FAILS_ONCE = "test -e {name}.seen || {{ touch {name}.seen; exit 1; }}"


class RunCtest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def run_with(self, tests, second_try=True):
        lines = []
        for name, script in tests.items():
            lines.append(f'add_test({name} "/bin/sh" "-c" "{script.format(name=name)}")')
        (pathlib.Path(self.directory.name) / "CTestTestfile.cmake").write_text("\n".join(lines) + "\n")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MUSTER_SECOND", "CTEST_"))}
        if second_try:
            environment["MUSTER_SECOND_TRY"] = "1"
        return subprocess.run([SCRIPT, self.directory.name], env=environment, capture_output=True, text=True, check=False)

    def test_what_passes_is_run_once(self):
        seen = self.run_with({"one": "echo x >>count; test $(wc -l <count) = 1"})
        self.assertEqual(seen.returncode, 0, seen.stdout + seen.stderr)
        self.assertNotIn("SECOND TRY", seen.stderr)

    def test_a_second_try_is_told(self):
        seen = self.run_with({"one": FAILS_ONCE, "two": "true"})
        self.assertEqual(seen.returncode, 0, seen.stdout + seen.stderr)
        self.assertIn("PASSED ONLY AT THE SECOND TRY", seen.stderr)
        self.assertIn("one (Failed)", seen.stderr)
        second = (pathlib.Path(self.directory.name) / "junit-second.xml").read_text()
        self.assertIn('name="one"', second)
        self.assertNotIn('name="two"', second)
        report = SCRIPT.with_name("requirements_report.py")
        results = runpy.run_path(str(report))["results_of"](pathlib.Path(self.directory.name) / "junit.xml")
        self.assertEqual(results, {"one": True, "two": True}, "the last try counts for the requirements, too")

    def test_nobody_gets_one_unasked(self):
        self.assertNotEqual(self.run_with({"one": FAILS_ONCE}, second_try=False).returncode, 0)

    def test_what_fails_twice_fails(self):
        self.assertNotEqual(self.run_with({"one": "false"}).returncode, 0)

    def test_many_are_no_bad_luck(self):
        self.assertNotEqual(self.run_with({f"t{n}": FAILS_ONCE for n in range(4)}).returncode, 0)

    def test_a_crash_gets_none(self):
        crash = "test -e {name}.seen || {{ touch {name}.seen; kill -SEGV $$; }}"
        self.assertNotEqual(self.run_with({"one": crash}).returncode, 0)

    def test_no_tests_are_an_error(self):
        self.assertNotEqual(self.run_with({}).returncode, 0)


if __name__ == "__main__":
    unittest.main()
