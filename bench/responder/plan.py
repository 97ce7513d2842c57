"""One run of the report: its sizes, and samples that are taken the same way in every row."""
import checks
import load
from figures import Goal


class Plan:
    def __init__(self, data, count, seconds, rounds, short):
        self.data, self.count, self.seconds, self.rounds, self.short = data, count, seconds, rounds, short
        self.checked = 0  # answers looked at one by one

    @property
    def hot(self):
        """One in a hundred of the large store's certificates."""
        return max(1, self.count // 100)

    def spread(self, method="get", hot=None, **more):
        """Over the large store: all of it, or so many of its certificates."""
        return load.Pattern(method=method, serials=self.count, hot=hot or 0, **more)

    def sample(self, server, pattern, states=None):
        """One sample. In the short form of a few hundred requests, each answer compared with `states`."""
        if not self.short:
            return load.run(self.data, server, pattern, load.How(self.seconds))
        record = self.data.path("record") if server.expect == "ocsp" else None
        sample = load.run(self.data, server, pattern, load.How(60.0, requests=300, wrk=False, record=record))
        if record:
            self.checked += checks.check_record(self.data, record, states or checks.expected_states(self.count))
        return sample

    def fill(self, server, count):
        """Has so many answers signed, each about another certificate, so that they are remembered from then on."""
        pattern = load.Pattern(method="post", serials=self.count, hot=count, sequential=True)
        return load.own(self.data, server, pattern, load.How(3600.0, requests=count))

    def goal(self, what, bound, value, **more):
        return Goal(what, bound, value, judged=not self.short, **more)

    def no_errors(self, row, *contenders):
        """Holds in the short form, too."""
        errors = [figure.most for name in contenders if (figure := row.figures.get(name, {}).get("errors"))]
        return Goal("errors", 0, max(errors) if errors else None, at_least=False)

    def cost(self, text, seconds=None):
        return f"{text} ({self.rounds} rounds of {seconds or self.seconds:g} s)" if not self.short else text
