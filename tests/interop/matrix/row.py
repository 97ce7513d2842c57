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
    issuer_keys: str       # more keys of [[responder.issuer]] for the responder it asks


@dataclasses.dataclass
class Seen:
    version: str
    said: dict
    note: str = ""


def row(key, title, packages, good, revoked, unknown, issuer_keys=""):
    def add(function):
        ROWS[key] = Row(key, title, packages, {"good": good, "revoked": revoked, "unknown": unknown}, function, issuer_keys)
        return function
    return add
