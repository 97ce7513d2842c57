#!/usr/bin/env python3
"""The matrix must fail when a client, an answer or the page is not as it says. usage: matrix_test.py MUSTER"""
import copy
import pathlib
import signal
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import bench  # noqa: E402
import matrix  # noqa: E402
import report  # noqa: E402
from kit import process  # noqa: E402
from row import ROWS, Row, Seen, agreed, conclusion, logged  # noqa: E402

MUSTER = None


class Rows(unittest.TestCase):
    def result(self, run):
        expected = {"good": "good", "revoked": "revoked", "unknown": "unknown"}
        return matrix.run_row(Row("test", "test", "none", expected, run, "unknown"), MUSTER)

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
            serial = made.ca.serial("good")
        self.assertEqual(matrix.wire([exchange])[1], [])
        self.assertEqual(matrix.wire([exchange], lambda *asked: "good" if asked == (serial, "sha1") else False)[1], [])
        for word, problem in (("revoked", "answered .'good'. where .'revoked'. is due"), (False, "none of ours"),
                              ("unauthorized", "answered .'good'. where")):
            self.assertRegex(" ".join(matrix.wire([exchange], lambda *_: word)[1]), problem)
        self.assertEqual(matrix.wire([exchange], nonces=False)[1], ["a nonce where none is due"])
        for spoil in (lambda e: setattr(e.answer, "nonce", bytes(16)), lambda e: setattr(e.answer, "nonce", None),
                      lambda e: setattr(e.answer.singles[0], "cert_id", b""), lambda e: e.answer.singles.append(e.answer.singles[0]),
                      lambda e: setattr(e.answer, "status", "tryLater"), lambda e: setattr(e.reply, "start", "HTTP/1.1 500 x"),
                      lambda e: setattr(e, "reply", None), lambda e: setattr(e, "answer", None), lambda e: setattr(e, "asked", None)):
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


class Judges(unittest.TestCase):
    """Whatever is wrong must be called wrong, known refusal or not: with each thing spoilt that a judge looks at."""

    def test_a_conclusion_is_the_expected_word_for_every_certificate_asked_about(self):
        expected = {"good": "let in", "revoked": "kept out", "unknown": "kept out"}
        self.assertEqual(matrix.judge(expected, expected, matrix.bench.CASES), [])
        for spoilt in ({}, {"good": "let in"}, expected | {"good": "kept out"}, expected | {"revoked": "let in"},
                       expected | {"unknown": None}, expected | {"revoked": "kept out: no nonce"}):
            self.assertNotEqual(matrix.judge(spoilt, expected, matrix.bench.CASES), [], spoilt)
        for asked in ([], ["good", "revoked"], ["ca"]):
            self.assertNotEqual(matrix.judge(expected, expected, asked), [], asked)

    def test_a_known_refusal_is_expected_word_for_word_and_nowhere_else(self):
        row, kinds = ROWS["freeradius"], matrix.answers.KINDS
        due = dict.fromkeys(matrix.bench.CASES, "kept out: signer not found")
        self.assertEqual(kinds["direct"].expected(row), due)
        self.assertEqual(kinds["rsa"].expected(row), row.expected)
        self.assertNotEqual(matrix.judge(dict.fromkeys(matrix.bench.CASES, "kept out"), due, matrix.bench.CASES), [])
        self.assertEqual((kinds["direct"].word(row.key), kinds["rsa"].word(row.key)), ("no: looks for the signer in the answer only", "yes"))

    def test_every_known_word_belongs_to_a_row_that_is_run_and_calls_nothing_good_that_is_not(self):
        for name, kind in matrix.answers.KINDS.items():
            for key in [*kind.refused, *kind.said]:
                self.assertIn(key, matrix.answers.CLIENTS, name)
            for key in matrix.answers.CLIENTS:
                expected = kind.expected(ROWS[key])
                self.assertNotEqual(expected["revoked"].partition(",")[0], ROWS[key].expected["good"], (name, key))
                self.assertEqual(sorted(expected), sorted(matrix.bench.CASES))

    def test_wrong_answers_under_a_known_refusal_fail(self):
        """The signer that FreeRADIUS does not find must not hide that the answers themselves are wrong."""
        row, kind = ROWS["openssl"], copy.copy(matrix.answers.KINDS["direct"])
        said = {case: case for case in matrix.bench.CASES}
        kind.refused = {"openssl": matrix.answers.Refusal("a reason", said)}
        self.assertEqual(matrix.run_row(row, MUSTER, kind)["problems"], [])
        kind.issuer_keys = 'unissued = "unauthorized"'  # which is not what is due
        kind.refused = {"openssl": matrix.answers.Refusal("a reason", said | {"unknown": "unauthorized"})}
        self.assertEqual(matrix.run_row(row, MUSTER, kind)["problems"], ["answered unauthorized, not {'unknown'}"])

    def test_a_client_that_broke_under_a_known_refusal_fails(self):
        def breaks(made):
            raise process.Failed("it crashed")
        row = copy.copy(ROWS["freeradius"])
        row.run = breaks
        self.assertRegex(matrix.run_row(row, MUSTER, matrix.answers.KINDS["direct"])["problems"][0], "it crashed")

    def test_a_muster_that_does_not_end_well_fails_the_row(self):
        def kills(made):
            seen = ROWS["openssl"].run(made)
            made.responder.daemon.send(signal.SIGABRT)
            return seen
        row = copy.copy(ROWS["openssl"])
        row.run = kills
        self.assertRegex(" ".join(matrix.run_row(row, MUSTER)["problems"]), "SIGABRT")


class Words(unittest.TestCase):
    def test_without_the_clients_own_words_there_is_no_conclusion(self):
        rules = {"(?s)exit 1.*was revoked": "refused", "exit 0": "connected"}
        self.assertEqual(conclusion("exit 1\nwas revoked", rules), "refused")
        self.assertEqual(conclusion("exit 1\nconnection refused", rules), "exit 1\nconnection refused")

    def test_a_log_that_says_nothing_or_something_else_is_no_evidence(self):
        with mock.patch.object(process, "DEADLINE", 0.05), mock.patch.object(process.until, "__defaults__", (0.05,)):
            self.assertIn("not within", logged(lambda: "nothing of use", {"revoked": "kept out"}))
        self.assertEqual(logged(lambda: "status revoked", {"good": "let in", "revoked": "kept out"}), "kept out")
        self.assertEqual(agreed("kept out", "kept out: no nonce"), "kept out: no nonce")
        self.assertEqual(agreed("let in", "kept out"), "let in, but the log says: kept out")


if __name__ == "__main__":
    MUSTER = sys.argv.pop(1)
    unittest.main()
