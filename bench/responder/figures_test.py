#!/usr/bin/env python3
"""Medians, spreads, goals and turns, on made-up samples."""
import unittest

import figures
from figures import Figure, Goal, Row, number


class Figures(unittest.TestCase):
    def test_the_median_is_not_moved_by_one_wild_sample(self):
        figure = Figure([10.0, 11.0, 900.0, 9.0, 10.5])
        self.assertEqual((figure.median, figure.least, figure.most), (10.5, 9.0, 900.0))
        self.assertAlmostEqual(figure.spread, 891 / 10.5)
        self.assertEqual(Figure([4.0, 2.0]).median, 3.0)
        self.assertEqual(Figure([0.0, 0.0]).spread, 0.0)

    def test_numbers_are_read_by_people(self):
        for value, text in ((0, "0"), (0.01234, "0.0123"), (0.5, "0.50"), (1.256, "1.26"), (12.34, "12.3"), (123.4, "123"),
                            (1234567.8, "1,234,568"), (None, "-"), (-2.5, "-2.50")):
            self.assertEqual(number(value), text)


class Goals(unittest.TestCase):
    def test_bounds_hold_at_equality_and_not_beyond(self):
        self.assertEqual(Goal("", 1.25, 1.25).verdict, figures.MET)
        self.assertEqual(Goal("", 1.25, 1.2499).verdict, figures.MISSED)
        self.assertEqual(Goal("", 1.1, 1.1, at_least=False).verdict, figures.MET)
        self.assertEqual(Goal("", 1.1, 1.1001, at_least=False).verdict, figures.MISSED)

    def test_what_was_not_measured_is_neither_met_nor_missed(self):
        goal = Goal("", 0.92, why="not built yet")
        self.assertEqual((goal.verdict, goal.value_text()), (figures.UNKNOWN, "not built yet"))
        self.assertEqual((goal.share_text(), Goal("", 0, 3).share_text(), Goal("", 2.0, 3.0).share_text()), ("-", "-", "1.50"))

    def test_the_interval_is_told_and_never_judges(self):
        close = Goal("", 1.0, 0.998, interval=(0.97, 1.03))
        self.assertEqual((close.verdict, close.value_text()), (figures.MISSED, "1.00 (0.97 .. 1.03)"))
        self.assertEqual(Goal("", 1.0, 1.0, interval=(0.97, 1.03)).verdict, figures.MET)

    def test_the_short_form_judges_no_speed(self):
        self.assertEqual(Goal("", 1.25, 0.1, judged=False).verdict, figures.UNJUDGED)


class Rows(unittest.TestCase):
    def test_contenders_take_turns(self):
        order = []

        def contender(name, values):
            left = iter(values)

            def measure():
                order.append(name)
                return {"requests/s": next(left), "CPU us": None}
            return measure
        row = figures.interleaved(Row("k", "t"), {"a": contender("a", [1, 3, 2]), "b": contender("b", [10, 10, 40])}, 3)
        self.assertEqual("".join(order), "ababab")
        self.assertEqual(row.figures["a"]["requests/s"].samples, [1, 3, 2])
        self.assertNotIn("CPU us", row.figures["a"])
        self.assertEqual(row.ratio("requests/s", "a", "b"), 0.2)
        self.assertEqual(row.paired_ratio("requests/s", "a", "b"), 0.1)

    def test_no_ratio_without_both(self):
        row = Row("k", "t")
        row.add("a", {"x": 1.0})
        row.add("b", {"x": 0.0})
        self.assertIsNone(row.ratio("x", "a", "absent"))
        self.assertIsNone(row.ratio("y", "a", "b"))
        self.assertIsNone(row.ratio("x", "a", "b"))


class Intervals(unittest.TestCase):
    def row(self, above, below):
        row = Row("k", "t")
        for name, values in (("a", above), ("b", below)):
            for value in values:
                row.add(name, {"x": value})
        return row

    def test_a_pace_that_hits_both_alike_leaves_the_ratio_alone(self):
        pace = [1.0, 1.5, 1.1, 0.9, 1.3, 1.2, 1.0]
        low, high = self.row([2 * p for p in pace], pace).ratio_interval("x", "a", "b")
        self.assertAlmostEqual(low, 2.0)
        self.assertAlmostEqual(high, 2.0)

    def test_it_is_as_wide_as_the_samples_differ_and_holds_the_ratio(self):
        widths = []
        for noise in (0.01, 0.1):
            row = self.row([1 + noise * (n % 5 - 2) for n in range(40)], [1 + noise * (n % 7 - 3) for n in range(40)])
            low, high = row.ratio_interval("x", "a", "b")
            self.assertLessEqual(low, row.paired_ratio("x", "a", "b"))
            self.assertGreaterEqual(high, row.paired_ratio("x", "a", "b"))
            self.assertEqual((low, high), row.ratio_interval("x", "a", "b"), "the same for the same samples")
            widths.append(high - low)
        self.assertGreater(widths[1], 3 * widths[0])

    def test_nothing_is_said_of_few_rounds_or_halves(self):
        self.assertIsNone(self.row([1.0] * 4, [1.0] * 4).ratio_interval("x", "a", "b"))
        self.assertIsNone(self.row([1.0] * 9, [1.0] * 8).ratio_interval("x", "a", "b"))
        self.assertIsNone(self.row([1.0] * 9, [0.0] * 9).ratio_interval("x", "a", "b"))
        self.assertIsNone(self.row([1.0] * 9, []).ratio_interval("x", "a", "b"))


if __name__ == "__main__":
    unittest.main()
