"""Figures and what is said of them: medians with their spread, goals, and rows of the report."""
import dataclasses
import random
import statistics

LEAST_ROUNDS = 5  # of fewer nothing is said about how far a ratio may be believed


@dataclasses.dataclass
class Figure:
    """One thing measured several times."""
    samples: list

    @property
    def median(self):
        return statistics.median(self.samples)

    @property
    def least(self):
        return min(self.samples)

    @property
    def most(self):
        return max(self.samples)

    @property
    def spread(self):
        """(most - least) / median: how much to believe the median."""
        return (self.most - self.least) / self.median if self.median else 0.0


MET, MISSED, UNKNOWN, UNJUDGED = "met", "MISSED", "not measured", "not judged"


@dataclasses.dataclass
class Goal:
    """A bound on one number. `value` None: it was not measured, and `why` says why."""
    what: str
    bound: float
    value: float = None
    at_least: bool = True
    unit: str = ""
    why: str = ""
    judged: bool = True
    interval: tuple = None  # (low, high) beside the value; the verdict goes by the value alone

    @property
    def verdict(self):
        if self.value is None:
            return UNKNOWN
        if not self.judged:
            return UNJUDGED
        return MET if (self.value >= self.bound if self.at_least else self.value <= self.bound) else MISSED

    def share_text(self):
        """Measured over bound; a bound of nothing has no share."""
        return f"{self.value / self.bound:.2f}" if self.value is not None and self.bound else "-"

    def bound_text(self):
        return f"{'at least' if self.at_least else 'at most'} {number(self.bound)}{self.unit}"

    def value_text(self):
        if self.value is None:
            return self.why or "-"
        beside = f" ({number(self.interval[0])} .. {number(self.interval[1])})" if self.interval else ""
        return f"{number(self.value)}{self.unit}{beside}"


@dataclasses.dataclass
class Row:
    """One line of the goals with what was measured for it: contender -> measure -> Figure."""
    key: str
    title: str
    command: str = ""
    figures: dict = dataclasses.field(default_factory=dict)
    goals: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)
    charts: tuple = ("requests/s", "CPU us")  # measures that are worth one

    def add(self, contender, sample):
        """`sample`: measure -> number. Numbers that are None are left out."""
        into = self.figures.setdefault(contender, {})
        for measure, value in sample.items():
            if value is not None:
                into.setdefault(measure, Figure([])).samples.append(value)

    def median(self, contender, measure):
        figure = self.figures.get(contender, {}).get(measure)
        return figure.median if figure else None

    def ratio(self, measure, above, below):
        """Median of one contender over that of the other; nothing when one is missing."""
        top, bottom = self.median(above, measure), self.median(below, measure)
        return top / bottom if top is not None and bottom else None

    def paired_ratio(self, measure, above, below):
        """The median of the ratios of each round, in which both had the machine as it was just then; nothing where they are not pairs."""
        ratios = self._ratios(measure, above, below)
        return statistics.median(ratios) if ratios else None

    def ratio_interval(self, measure, above, below, draws=2000):
        """(low, high): the middle 95 % of what paired_ratio() would say of as many rounds, drawn again from these (bootstrap; the same each
        time for the same samples). Nothing where rounds are few."""
        ratios = self._ratios(measure, above, below)
        if len(ratios) < LEAST_ROUNDS:
            return None
        draw = random.Random(1)
        drawn = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(draws))
        return drawn[draws // 40], drawn[-1 - draws // 40]

    def _ratios(self, measure, above, below):
        """One for each round; none where there are no pairs."""
        top, bottom = (self.figures.get(name, {}).get(measure) for name in (above, below))
        if not top or not bottom or len(top.samples) != len(bottom.samples) or min(bottom.samples) <= 0:
            return []
        return [a / b for a, b in zip(top.samples, bottom.samples)]


def number(value):
    """As people read it: three or four significant digits."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 else f"{value:.3g}"


def interleaved(row, contenders, rounds):
    """A B C A B C ...: what else the machine does hits all alike. contenders: name -> callable that gives a sample."""
    for _ in range(rounds):
        for name, measure in contenders.items():
            row.add(name, measure())
    return row
