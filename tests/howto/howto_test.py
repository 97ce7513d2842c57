#!/usr/bin/env python3
"""The runner of the how-tos must fail where a page is wrong. usage: howto_test.py MUSTER"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

MUSTER = None
RUNNER = pathlib.Path(__file__).with_name("howto.py")


class Runner(unittest.TestCase):
    def code(self, text):
        with tempfile.TemporaryDirectory() as directory:
            page = pathlib.Path(directory) / "page.md"
            page.write_text(text)
            return subprocess.run([sys.executable, RUNNER, "--muster", MUSTER, page], capture_output=True, timeout=120).returncode

    def test_what_the_page_says_holds(self):
        self.assertEqual(self.code("```sh run\nmkdir a && cd a\nmuster --version\n```\n```text output\nmuster\n```\n"
                                   "```sh run exit=3\n[ $(basename $PWD) = a ]; exit 3\n```\n"), 0)

    def test_another_exit_code_output_or_directory_fails(self):
        for page in ("```sh run\nfalse\n```\n", "```sh run exit=1\ntrue\n```\n", "```sh run\nfalse | true\n```\n",
                     "```sh run\necho yes\n```\n```text output\nno\n```\n", "```sh run\ncat absent\ntrue\n```\n",
                     "```sh daemon\nmuster responder --ca absent.pem\n```\n"):
            self.assertEqual(self.code(page), 1, page)

    def test_a_daemon_that_crashes_or_goes_by_itself_fails_whatever_else_held(self):
        page = ("```sh run\nopenssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=ca -keyout ca.key -out ca.pem\n"
                "touch index.txt\n```\n```sh daemon\nmuster responder --ca ca.pem --key ca.key --index index.txt\n```\n"
                "```sh run\nfor process in /proc/[0-9]*; do\n"
                "  [ \"$(readlink $process/cwd)\" = \"$PWD\" ] && grep -qxz responder $process/cmdline || continue\n"
                "  kill -SIGNAL ${process##*/}\nGONE\ndone\n```\n")
        self.assertEqual(self.code(page.replace("SIGNAL", "HUP").replace("GONE", "")), 0)
        # Waited for: or the runner's own end of the page may come first.
        gone = "  while readlink $process/cwd; do sleep 0.05; done"
        for signal in ("ABRT", "TERM"):
            self.assertEqual(self.code(page.replace("SIGNAL", signal).replace("GONE", gone)), 1, signal)

    def test_a_page_without_commands_or_with_an_unknown_mark_fails(self):
        for page in ("# Nothing\n", "```sh\ntrue\n```\n", "```sh sometimes\ntrue\n```\n"):
            self.assertEqual(self.code(page), 1, page)

    def test_a_page_whose_program_is_missing_is_skipped(self):
        self.assertEqual(self.code("<!-- needs: sh no-such-program -->\n```sh run\nfalse\n```\n"), 77)


if __name__ == "__main__":
    MUSTER = sys.argv.pop(1)
    unittest.main()
