"""A row: one client, what it must conclude, and how it is run."""
import dataclasses

ROWS = {}  # in the order of the table


@dataclasses.dataclass
class Row:
    key: str
    title: str
    packages: str          # Debian packages that hold it
    expected: dict         # case: what it must conclude
    run: object            # function(bench) -> Seen
    asks: bool             # whether it asks the responder by itself


@dataclasses.dataclass
class Seen:
    version: str
    said: dict
    note: str = ""


def row(key, title, packages, good, revoked, unknown, asks=True):
    def add(function):
        ROWS[key] = Row(key, title, packages, {"good": good, "revoked": revoked, "unknown": unknown}, function, asks)
        return function
    return add
