"""A row: one client, what it must conclude, and how it is run."""
import dataclasses
import re

from kit import process

ROWS = {}  # in the order of the table


@dataclasses.dataclass
class Row:
    key: str
    title: str
    packages: str          # Debian packages that hold it
    expected: dict         # case: what it must conclude
    run: object            # function(bench) -> Seen
    unissued: str          # what the responder it asks says of serials that the CA never issued

    @property
    def issuer_keys(self):
        """More keys of [[responder.issuer]]."""
        return "" if self.unissued == "unknown" else f'unissued = "{self.unissued}"'


@dataclasses.dataclass
class Seen:
    version: str
    said: dict
    note: str = ""


def row(key, title, packages, good, revoked, unknown, unissued="unknown"):
    def add(function):
        ROWS[key] = Row(key, title, packages, {"good": good, "revoked": revoked, "unknown": unknown}, function, unissued)
        return function
    return add


def conclusion(text, rules):
    """The word of the first rule (pattern of the client's own words: word) that fits; without any the text itself, which no row
    expects. That a client failed is no evidence of why: it must have said so."""
    return next((word for pattern, word in rules.items() if re.search(pattern, text)), text)


def logged(read, rules):
    """The same of a server's log, which may be written a little after its client has noticed. `read`: what it says by now."""
    try:
        return process.until(lambda: next((word for pattern, word in rules.items() if re.search(pattern, read())), None),
                             "the log says why")
    except process.Failed as failure:
        return f"{failure}\n{read()[-3000:]}"


def agreed(seen, why):
    """The word on which what was seen from outside and what the log says agree; both when they do not."""
    return why if why.partition(":")[0] == seen else f"{seen}, but the log says: {why}"
