"""Figures and what is said of them: medians with their spread, goals, and rows of the report."""
import dataclasses
import statistics


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
        return self.why or "-" if self.value is None else f"{number(self.value)}{self.unit}"


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
