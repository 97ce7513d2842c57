"""Whether a measure stays where it is, or grows: the judge of a soak. Pure: samples in, verdict out.

What a process uses goes up and down: a reload holds two of everything for a moment, an allocator keeps what it may need again. What
grows without end shows in what is left when all that is over. So the least of each window counts, after the warm-up, and the slope
through these is the median of the slopes of all pairs (Theil and Sen): a third of the windows may be anything.
"""
import dataclasses
import statistics

WINDOWS = 40        # of the time judged; the least of each counts
LEAST_WINDOWS = 8   # fewer say nothing
WARM_UP = 0.25      # of the whole time: memories fill, allocators settle


@dataclasses.dataclass
class Bound:
    """How much a measure may grow in an hour: `absolute`, or a share of its level, whichever is more."""
    absolute: float
    share: float = 0.0

    def of(self, level):
        return max(self.absolute, self.share * level)


@dataclasses.dataclass
class Flatness:
    level: float       # median of the windows' minima
    first: float       # medians of the first and the last third of them
    last: float
    per_hour: float    # slope
    bound: float       # that the slope may have
    hours: float       # judged
    grain: float       # the least step of the measure

    @property
    def flat(self):
        """Both must hold: the slope misses what rises at the end alone, the difference what rises slowly and steadily."""
        between_thirds = self.hours * 2 / 3
        return self.per_hour <= self.bound and self.last - self.first <= self.bound * between_thirds + self.grain


def minima(samples, windows=WINDOWS):
    """[(time, value)]: the least value of each window that has any, at the window's middle."""
    start, end = samples[0][0], samples[-1][0]
    width = (end - start) / windows or 1.0
    least = {}
    for time, value in samples:
        place = min(int((time - start) / width), windows - 1)
        least[place] = min(value, least.get(place, value))
    return [(start + (place + 0.5) * width, value) for place, value in sorted(least.items())]


def slope(points):
    """Of the line through the points, by Theil and Sen."""
    slopes = [(y2 - y1) / (x2 - x1) for i, (x1, y1) in enumerate(points) for x2, y2 in points[i + 1:]]
    return statistics.median(slopes)


def judge(samples, bound, warm_up=WARM_UP, grain=0.0):
    """samples: [(seconds, value)] in order of time. ValueError where they are too few to say anything."""
    if not samples:
        raise ValueError("nothing was measured")
    begin, end = samples[0][0], samples[-1][0]
    kept = [(time, value) for time, value in samples if time >= begin + warm_up * (end - begin)]
    points = minima(kept) if kept else []
    if len(points) < LEAST_WINDOWS:
        raise ValueError(f"{len(points)} windows behind the warm-up; {LEAST_WINDOWS} are needed to tell growth from chance")
    values = [value for _, value in points]
    third = max(1, len(values) // 3)
    level = statistics.median(values)
    return Flatness(level, statistics.median(values[:third]), statistics.median(values[-third:]), slope(points) * 3600,
                    bound.of(level), (kept[-1][0] - kept[0][0]) / 3600, grain)
