#!/usr/bin/env python3
"""The matrix must fail when a client, an answer or the page is not as it says. usage: matrix_test.py MUSTER"""
import copy
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import bench  # noqa: E402
import matrix  # noqa: E402
import report  # noqa: E402
from kit import process  # noqa: E402
from row import ROWS, Row, Seen  # noqa: E402

MUSTER = None


class Rows(unittest.TestCase):
    def result(self, run):
        expected = {"good": "good", "revoked": "revoked", "unknown": "unknown"}
        return matrix.run_row(Row("test", "test", "none", expected, run, ""), MUSTER)

    def test_a_true_row_holds(self):
        self.assertEqual(self.result(ROWS["openssl"].run)["problems"], [])

    def test_a_client_that_concludes_otherwise_fails(self):
        def wrong(made):
            seen = ROWS["openssl"].run(made)
            return Seen(seen.version, seen.said | {"revoked": "good"})
        self.assertRegex(" ".join(self.result(wrong)["problems"]), "revoked: expected 'revoked', it concluded: good")

    def test_a_client_that_never_asked_fails(self):
        problems = self.result(lambda made: Seen("1", {"good": "good", "revoked": "revoked", "unknown": "unknown"}))["problems"]
        self.assertEqual(len([p for p in problems if "never asked" in p]), 3)

    def test_a_client_that_breaks_fails_and_one_that_is_missing_is_skipped(self):
        def breaks(made):
            raise process.Failed("it crashed")

        def missing(made):
            bench.program("no-such-program")
        self.assertRegex(self.result(breaks)["problems"][0], "it crashed")
        self.assertRegex(self.result(missing)["skipped"], "not installed")


class Wire(unittest.TestCase):
    def test_an_answer_that_does_not_fit_the_question_is_found(self):
        with bench.Bench(MUSTER) as made:
            process.must("openssl", "ocsp", "-issuer", made.path("ca.pem"), "-cert", made.path("good.pem"), "-CAfile",
                         made.path("chain.pem"), "-url", made.recorder.url)
            exchange = made.recorder.since()[0]
        self.assertEqual(matrix.wire([exchange])[1], [])
        for spoil in (lambda e: setattr(e.answer, "nonce", bytes(16)), lambda e: setattr(e.answer, "nonce", None),
                      lambda e: setattr(e.answer.singles[0], "cert_id", b""), lambda e: e.answer.singles.append(e.answer.singles[0]),
                      lambda e: setattr(e.answer, "status", "tryLater"), lambda e: setattr(e.reply, "start", "HTTP/1.1 500 x")):
            spoilt = copy.deepcopy(exchange)
            spoil(spoilt)
            self.assertEqual(len(matrix.wire([spoilt])[1]), 1)


class Page(unittest.TestCase):
    def test_missing_and_superfluous_rows_and_columns_are_found(self):
        results = [{"row": row, "skipped": "test"} for row in ROWS.values()]
        found = {(m, h, n): "-" for m in matrix.raw.METHODS for h in matrix.raw.HASHES for n in matrix.raw.NONCES}
        accepted = {kind: dict.fromkeys(matrix.answers.CLIENTS, "yes") for kind in matrix.answers.KINDS}
        page = report.with_tables("# Page\n", results, found, accepted)
        self.assertEqual(report.shape_problems(page, list(ROWS)), [])
        self.assertEqual(report.with_tables(page, results, found, accepted), page, "written twice, it is the same")
        line = next(line for line in page.splitlines() if line.startswith("| NSS `ocspclnt"))
        self.assertEqual(len(report.shape_problems(page.replace(line + "\n", ""), list(ROWS))), 1)
        self.assertEqual(len(report.shape_problems(page.replace("| Nonce | good", "| Nounce | good"), list(ROWS))), 1)
        self.assertEqual(len(report.shape_problems(page, list(ROWS)[1:] + ["other"])), 2)
        self.assertEqual(len(report.shape_problems("# Page\n", list(ROWS))), 1)


class Kinds(unittest.TestCase):
    def test_a_refusal_is_accepted_only_where_it_is_known_and_never_as_good(self):
        refused = {"row": ROWS["freeradius"], "problems": ["x"], "said": {"good": "kept out", "revoked": "kept out"}}
        self.assertEqual(matrix.answers.judge("direct", refused)[1], [])
        self.assertEqual(matrix.answers.judge("rsa", refused)[1], ["x"])
        let_in = refused | {"said": {"good": "let in", "revoked": "let in"}}
        self.assertEqual(matrix.answers.judge("direct", let_in)[1], ["x"])


if __name__ == "__main__":
    MUSTER = sys.argv.pop(1)
    unittest.main()
