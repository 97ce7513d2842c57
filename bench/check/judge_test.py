#!/usr/bin/env python3
"""The judge of the scan finds what is wrong."""
import pathlib
import tempfile
import unittest

import rows_scan
from kit import process

RIGHT = """{"target":"h0.test:1","verdict":"good"}
{"target":"h0.test:1","verdict":"undetermined"}
{"target":"hang0.test:2","verdict":"undetermined"}
"""


class Judge(unittest.TestCase):
    def judge(self, text):
        with tempfile.TemporaryDirectory() as directory:
            (pathlib.Path(directory) / "targets.txt").write_text("h0.test:1\nhang0.test:2\n")
            return rows_scan.judge(text, 1, 1, directory)

    def test_takes_what_is_right_whatever_issuers_come_to(self):
        self.assertEqual(self.judge(RIGHT), 2)

    def test_finds_wrong_missing_and_strange_reports(self):
        for text in (RIGHT.replace('"good"', '"revoked"', 1), RIGHT.splitlines()[0], RIGHT.replace("hang0.test:2", "x"),
                     RIGHT + '{"target":"h1.test:1","verdict":"good"}\n', RIGHT[RIGHT.index("\n") + 1:]):
            with self.assertRaises(process.Failed, msg=text):
                self.judge(text)


if __name__ == "__main__":
    unittest.main()
