#!/usr/bin/env python3
"""The structure check must fail when the structure is wrong."""
import pathlib
import tempfile
import unittest

import check_structure as c

TABLE = "| `a` | holds | - |\n| `b` | holds | `a` |\n"


class StructureTest(unittest.TestCase):
    def test_allowed_links_pass(self):
        self.assertEqual(c.graph_problems({"a": set(), "b": {"a"}}, c.allowed_from_architecture(TABLE)), [])

    def test_a_link_against_the_direction_is_found(self):
        self.assertEqual(len(c.graph_problems({"a": {"b"}, "b": set()}, c.allowed_from_architecture(TABLE))), 1)

    def test_unknown_and_missing_libraries_are_found(self):
        self.assertEqual(len(c.graph_problems({"a": set(), "z": set()}, c.allowed_from_architecture(TABLE))), 2)

    def test_forbidden_includes_and_unlisted_tests_are_found(self):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            (root / "libs/a/src").mkdir(parents=True)
            (root / "libs/a/tests").mkdir()
            (root / "tests").mkdir()
            (root / "libs/a/CMakeLists.txt").write_text("")
            (root / "libs/a/src/x.cc").write_text('#include "muster/b/b.h"\n#include <openssl/evp.h>\n')
            (root / "libs/a/tests/x_test.cc").write_text("")
            self.assertEqual(len(c.include_problems(root, {"a": set()})), 2)
            self.assertEqual(len(c.unlisted_tests(root)), 1)

    def test_metrics_without_a_name_and_names_without_a_metric_are_found(self):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            for below in ("libs/a/src", "docs/decisions", "docs/operating", "docs/howto"):
                (root / below).mkdir(parents=True)
            (root / "libs/a/src/metrics.cc").write_text('family("muster_told_seconds"); family("muster_untold");')
            (root / "docs/decisions/033-metrics.md").write_text("| `muster_told_seconds` (histogram) |\n`muster_told_*` are ...")
            (root / "docs/operating/a.md").write_text("rate(muster_told_seconds_bucket[5m]) and muster_gone")
            self.assertEqual(c.metric_problems(root), ["docs/decisions/033-metrics.md does not name muster_untold",
                                                       "docs/operating/a.md names muster_gone, which nothing exposes"])


if __name__ == "__main__":
    unittest.main()
