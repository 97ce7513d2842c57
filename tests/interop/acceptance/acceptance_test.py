#!/usr/bin/env python3
"""muster's columns of docs/acceptance.md: each answer with its exit code and reason, asked live and stapled."""
import json
import pathlib
import re
import sys
import unittest

from acceptance import RIGHT, arguments, peers, scene

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "acceptance.md"
OPTIONS = arguments()


class Acceptance(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scene = scene.Scene(OPTIONS.muster, OPTIONS.writer, OPTIONS.server)

    @classmethod
    def tearDownClass(cls):
        cls.scene.close()

    def _hold(self, judge, exit_code, excused=()):
        for answer in self.scene.answers:
            with self.subTest(answer["name"]):
                done, _ = judge(self.scene, answer["name"], "--json")
                if answer["name"] in excused:
                    self.assertNotEqual(done.code, 0, str(done))
                    continue
                self.assertEqual(done.code, exit_code(answer), str(done))
                codes = [reason["code"] for target in json.loads(done.out)["targets"] for reason in target["reasons"]]
                if done.code > 2:
                    self.assertIn(answer["code"], codes)

    def test_asked_live_each_answer_ends_as_documented(self):
        # Too long for the downloader already: no answer came.
        self._hold(peers.muster_live, lambda answer: answer["live_exit_code"], {"BeyondTheSizeLimit"})

    def test_stapled_each_answer_ends_as_documented(self):
        # No staple at all, and one that no handshake takes.
        self._hold(peers.muster_stapled, lambda answer: 4 if answer["live_exit_code"] > 2 else answer["live_exit_code"], {"Empty", "BeyondTheSizeLimit"})

    def test_the_corpus_is_large_and_begins_with_what_is_right(self):
        self.assertGreaterEqual(len(self.scene.answers) - RIGHT, 60)
        self.assertEqual([answer["live_exit_code"] for answer in self.scene.answers[:RIGHT + 1]], [0, 1, 2, 4])

    def test_the_page_has_every_answer(self):
        rows = re.findall(r"^\| (\w+) \| `([\w-]+)` \|", PAGE.read_text(), re.M)
        self.assertEqual(rows, [(answer["name"], answer["code"]) for answer in self.scene.answers])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
