#!/usr/bin/env python3
"""The judge finds planted leaks among what processes do anyway, and lets that pass."""
import random
import unittest

import flatness
from flatness import Bound

MIB = 1 << 20
HOUR = range(0, 3600, 5)
BOUND = Bound(2 * MIB, 0.02)


def busy(seed=1, level=60 * MIB):
    """An hour of a process as it should be: warms up, breathes, doubles at each reload, keeps a little noise."""
    rand = random.Random(seed)
    out = []
    for t in HOUR:
        value = level * min(1.0, 0.4 + t / 900) + rand.uniform(0, 3 * MIB)
        if t % 60 < 10:
            value += 40 * MIB
        out.append((t, value))
    return out


def leaking(per_hour, since=0, seed=1):
    return [(t, v + max(0, t - since) / 3600 * per_hour) for t, v in busy(seed)]


class Memory(unittest.TestCase):
    def test_breathing_is_flat(self):
        for seed in range(50):
            judged = flatness.judge(busy(seed), BOUND)
            self.assertTrue(judged.flat, judged)

    def test_a_planted_leak_is_found(self):
        for seed in range(50):
            for per_hour in (4 * MIB, 8 * MIB, 100 * MIB):
                self.assertFalse(flatness.judge(leaking(per_hour, seed=seed), BOUND).flat, (seed, per_hour))

    def test_a_leak_that_begins_late_is_found(self):
        self.assertFalse(flatness.judge(leaking(20 * MIB, since=2100), BOUND).flat)

    def test_a_leak_in_steps_is_found(self):
        # 1 MiB with every reload, each fifth minute.
        stairs = [(t, v + t // 300 * MIB) for t, v in busy()]
        self.assertFalse(flatness.judge(stairs, BOUND).flat)

    def test_growth_in_the_warm_up_is_none(self):
        stepped = [(t, v + (30 * MIB if t > 600 else 0)) for t, v in busy()]
        self.assertTrue(flatness.judge(stepped, BOUND).flat)

    def test_shrinking_is_no_growth(self):
        self.assertTrue(flatness.judge(leaking(-50 * MIB), BOUND).flat)

    def test_the_bound_follows_the_level(self):
        large = [(t, 10 * v + t / 3600 * 8 * MIB) for t, v in busy()]
        self.assertTrue(flatness.judge(large, BOUND).flat)       # 8 MiB of 600 are less than a fiftieth
        self.assertFalse(flatness.judge(large, Bound(2 * MIB)).flat)


class Descriptors(unittest.TestCase):
    BOUND = Bound(2.0)

    def test_coming_and_going_is_flat(self):
        rand = random.Random(3)
        judged = flatness.judge([(t, 40 + rand.choice((0, 1, 5, 30))) for t in HOUR], self.BOUND, grain=1)
        self.assertTrue(judged.flat, judged)

    def test_one_a_quarter_of_an_hour_more_than_allowed_is_found(self):
        rand = random.Random(3)
        self.assertFalse(flatness.judge([(t, 40 + t // 600 + rand.choice((0, 1, 5))) for t in HOUR], self.BOUND, grain=1).flat)


class Samples(unittest.TestCase):
    def test_too_few_are_no_verdict(self):
        for samples in ([], [(0, 1.0)], [(t, 1.0) for t in range(6)]):
            with self.assertRaises(ValueError):
                flatness.judge(samples, BOUND)

    def test_gaps_do_no_harm(self):
        kept = [(t, v) for t, v in leaking(20 * MIB) if not 1200 < t < 2000]
        self.assertFalse(flatness.judge(kept, BOUND).flat)
        self.assertTrue(flatness.judge([(t, v) for t, v in busy() if not 1200 < t < 2000], BOUND).flat)

    def test_one_wild_third_does_not_decide(self):
        points = [(x, float(x)) for x in range(30)]
        wild = [(x, 1000.0 if x % 4 == 1 else y) for x, y in points]
        self.assertAlmostEqual(flatness.slope(points), 1.0)
        self.assertLess(abs(flatness.slope(wild) - 1.0), 0.5)


if __name__ == "__main__":
    unittest.main()
