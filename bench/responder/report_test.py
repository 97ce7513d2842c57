#!/usr/bin/env python3
"""The report, its charts and what the tools' outputs are read as, on made-up data."""
import json
import pathlib
import tempfile
import unittest
import unittest.mock
import xml.etree.ElementTree

import chart
import instructions
import load
import report
import rows_core
import rows_sign
import rows_store
from figures import Figure, Goal, Row
from kit import process


def made_up():
    fast = Row("get", "GET <kept alive>", "wrk | less")
    for rate, cpu in ((100000, 6.0), (120000, 6.2), (90000, 6.1)):
        fast.add("muster", {"requests/s": rate, "CPU us": cpu})
        fast.add("nginx return", {"requests/s": rate / 2, "CPU us": cpu * 1.3})
    fast.goals = [Goal("muster / nginx", 1.25, fast.ratio("requests/s", "muster", "nginx return")),
                  Goal("CPU", 1.1, 1.4, at_least=False)]
    fast.notes = ["said once", "said once"]
    return [fast, Row("presign", "In bulk", goals=[Goal("ratio", 0.92, why="not built yet")])]


class Report(unittest.TestCase):
    def write(self, trusted):
        with tempfile.TemporaryDirectory() as name:
            path = report.write(pathlib.Path(name) / "new", made_up(), {"CPU": "one"}, started=0.25, others=0.3, trusted=trusted, how="So.",
                                repeat="./run bench responder", date="today")
            files = sorted(str(p.relative_to(path.parent)) for p in path.parent.rglob("*") if p.is_file())
            return path.read_text(), files, json.loads((path.parent / "responder.json").read_text())

    def test_verdicts_medians_and_spreads_are_there(self):
        text, files, raw = self.write(True)
        self.assertIn("| GET <kept alive> | muster / nginx | at least 1.25 | 2.00 | 1.60 | met |", text)
        self.assertIn("|  | CPU | at most 1.10 | 1.40 | 1.27 | **MISSED** |", text)
        self.assertIn("| In bulk | ratio | at least 0.92 | not built yet | - | not measured |", text)
        self.assertIn("| muster | 100,000 (90,000 .. 120,000) | 6.10 (6.00 .. 6.20) |", text)
        self.assertIn("1 met, 1 MISSED, 1 not measured", text)
        self.assertEqual(text.count("said once"), 1)
        self.assertNotIn("Other work", text)
        self.assertEqual(files, ["responder.json", "responder.md", "responder/get-cpu.svg", "responder/get-requests.svg"])
        self.assertEqual(raw["rows"]["get"]["muster"]["requests/s"], [100000, 120000, 90000])

    def test_every_chart_that_is_named_exists(self):
        text, files, _ = self.write(True)
        named = [part.split(")")[0] for part in text.split("](")[1:]]
        self.assertEqual(len(named), 2)
        self.assertLessEqual(set(named), set(files))

    def test_what_is_known_of_a_missed_goal_stands_below_its_row(self):
        with tempfile.TemporaryDirectory() as name:
            notes = pathlib.Path(name) / "notes.md"
            notes.write_text("# Title\n\n## get\nThe copy.\n\n## presign\nNobody sees this.\n")
            with unittest.mock.patch.object(report, "NOTES", notes):
                text = self.write(True)[0]
        self.assertIn("what was tried.** The copy.\n", text)
        self.assertNotIn("Nobody sees this", text)

    def test_notes_are_about_rows_that_exist(self):
        rows = "".join(path.read_text() for path in report.NOTES.parent.glob("rows_*.py"))
        notes = report.read_notes(report.NOTES)
        self.assertGreater(len(notes), 3)
        for key in notes:
            self.assertTrue(f'"{key}"' in rows or f'"{key.split("-")[0]}-' in rows, key)

    def test_a_machine_that_was_not_quiet_is_told_twice(self):
        self.assertEqual(self.write(False)[0].count("Other work ran"), 2)


    def test_reports_on_others_have_names_of_their_own(self):
        with tempfile.TemporaryDirectory() as name:
            path = report.write(name, made_up(), {}, started=0, others=0, trusted=True, how="So.", repeat="x", date="today", name="checker",
                                title="The checker, measured", layout="All together.")
            files = sorted(str(p.relative_to(path.parent)) for p in path.parent.rglob("*") if p.is_file())
            self.assertEqual(files, ["checker.json", "checker.md", "checker/get-cpu.svg", "checker/get-requests.svg"])
            self.assertTrue(path.read_text().startswith("# The checker, measured\n"))
            self.assertIn("All together.", path.read_text())


class Charts(unittest.TestCase):
    def test_is_well_formed_and_scaled(self):
        text = chart.bars("a < b & c", "µs", [("muster", Figure([50.0, 100.0, 60.0])), ("x" * 80, Figure([1.0]))])
        root = xml.etree.ElementTree.fromstring(text)
        rectangles = [r for r in root.iter("{http://www.w3.org/2000/svg}rect") if "bar" in r.get("class")]
        widths = [float(r.get("width")) for r in rectangles]
        room = chart.WIDTH - chart.LEFT - chart.RIGHT
        self.assertAlmostEqual(widths[0], 0.6 * room, delta=0.1)
        self.assertAlmostEqual(widths[1], 0.01 * room, delta=0.1)
        self.assertIn("ours", rectangles[0].get("class"))
        self.assertNotIn("ours", rectangles[1].get("class"))
        self.assertIn("prefers-color-scheme: dark", text)

    def test_nothing_measured_is_no_division_by_zero(self):
        xml.etree.ElementTree.fromstring(chart.bars("t", "u", [("a", Figure([0.0]))]))


class Tools(unittest.TestCase):
    def test_wrk(self):
        text = "Running 3s test\n  300000 requests in 3.00s, 100MB read\nRequests/sec:  99876.54\nTransfer/sec: 1MB\n"
        sample = load.wrk_sample(text, 1.5)
        self.assertEqual((sample["requests/s"], sample["errors"], sample["CPU us"]), (99876.54, 0, 5.0))
        worse = load.wrk_sample("  Socket errors: connect 1, read 20, write 300, timeout 4000\n  Non-2xx or 3xx responses: 50000\n" + text, 1)
        self.assertEqual(worse["errors"], 54321)

    def test_the_report_tells_which_command_it_was(self):
        how = load.How(2.0, wrk=False)
        self.assertEqual(load.told(load.Pattern(method="post", close=True), how), "muster_bench_load --method post --connections 64 --close")
        self.assertEqual(load.told(load.Pattern(pipeline=16), how), "muster_bench_load --method get --connections 64 --pipeline 16")

    def test_our_generator(self):
        text = json.dumps({"asked": 12, "answered": 10, "seconds": 2.0, "rate": 5.0, "connects": 1, "body_octets": 50, "own_cpu_seconds": 1.0,
                           "errors": {"http": 2, "late": 0}, "latency_us": {"p50": 1, "p90": 2, "p99": 3, "p999": 4, "max": 5}, "own_delay_us": {"p99": 0}})
        sample = load.sample_of(text)
        self.assertEqual((sample["errors"], sample["errors (http)"], sample["p99 us"], sample["load CPU"]), (2, 2, 3, 0.5))
        self.assertNotIn("errors (late)", sample)

    def test_openssl_speed(self):
        self.assertEqual(rows_sign.signatures_per_second("+R1:x\n+F4:3:256:51477.7:16865.5\n", "P-256"), 51477.7)
        self.assertEqual(rows_sign.signatures_per_second("+F2:2:2048:4110.75:60048.9\n", "RSA-2048"), 4110.75)
        self.assertEqual(rows_sign.signatures_per_second("+F6:0:253:Ed25519:26545.8:9995.6\n", "Ed25519"), 26545.8)
        with self.assertRaises(process.Failed):
            rows_sign.signatures_per_second("+F4:3:384:1:1\n", "P-256")

    def test_google_benchmark_in_any_unit(self):
        text = json.dumps({"benchmarks": [{"name": "BM_A", "cpu_time": 1.5, "time_unit": "us", "allocations": 0.0},
                                          {"name": "BM_B", "cpu_time": 7, "time_unit": "ns"}]})
        told = rows_core.benchmarks(text)
        self.assertEqual((told["A"]["ns"], told["A"]["allocations"], told["B"]["ns"], told["B"]["allocations"]), (1500.0, 0.0, 7.0, None))

    def test_crl_bench(self):
        text = "complete: 1000000 entries in 1.25 s (0.80 M/s), own memory at most 60 MiB more, with mapped files 150 MiB\ndelta: ...\n"
        self.assertEqual(rows_store.crl_sample(text), {"s": 1.25, "own MiB": 60.0, "with mapped files MiB": 150.0})
        with self.assertRaises(process.Failed):
            rows_store.crl_sample("complete: soon")


class Instructions(unittest.TestCase):
    BUDGET = {"slack": 0.1, "instructions": {"get": 1000}}

    def test_growth_beyond_the_slack_fails(self):
        self.assertTrue(instructions.judge({"get": 1100.0}, self.BUDGET)[0][2])
        self.assertFalse(instructions.judge({"get": 1101.0}, self.BUDGET)[0][2])

    def test_much_less_asks_for_a_new_budget(self):
        _, text, within = instructions.judge({"get": 500.0}, self.BUDGET)[0]
        self.assertTrue(within)
        self.assertIn("come down", text)

    def test_the_profile_names_the_costliest_first(self):
        text = ("--------\nIr\n--------\n14,000 (100.0%)  PROGRAM TOTALS\n--------\nIr  file:function\n"
                " 2,000 (14.29%)  ./../libs/a/src/a.cc:muster::a(int) [/build/prog]\n13,000 (92.9%)  ???:main [/p]\n 900 ( 6.4%)  x.h:muster::b() [/p]\n12,000 (85.71%)  b.cc:muster::b() [/build/prog]\n")
        self.assertEqual(instructions.by_function(text, 10), [(1200.0, "muster::b()"), (200.0, "muster::a(int)")])

    def test_callgrind_is_read(self):
        self.assertEqual(instructions.collected("==1== Events    : Ir\n==1== Collected : 7337517\n"), 7337517)
        with self.assertRaises(process.Failed):
            instructions.collected("==1== killed")


if __name__ == "__main__":
    unittest.main()
