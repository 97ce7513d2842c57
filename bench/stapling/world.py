"""One CA, one server fed by muster, and what its handshakes show."""
import os
import pathlib
import signal
import tempfile
import threading
import time

import paths  # noqa: F401
import authority as ca
import handshake
from cryptography.hazmat.primitives import hashes
from judge import Seen, judge
from scenarios import Wrong


class World:
    def __init__(self, kind, scenario, muster, validity, keep=None):
        self._directory = tempfile.TemporaryDirectory(prefix=f"muster-{kind.name}-{scenario.key}-", dir=keep)
        self.validity = validity
        place = pathlib.Path(self._directory.name)
        (place / "pki").mkdir()
        self.authority = ca.Authority(place / "pki", validity, delegated=scenario.delegated)
        self.serials = {}  # SHA-256 of a certificate -> its serial number, of all that the server may show
        self.note = ""     # what a scenario counted, for the report
        self.certificate = self.issue("site1", must_staple=scenario.must_staple)
        self.contender = kind(muster, place, self.authority, _options(kind, scenario))
        self.contender.rotates = scenario.rotates
        self.contender.install("site1")
        if "site-rsa" in self.contender.places:
            self.issue("site1-rsa", key="rsa")
            self.contender.install("site1-rsa", "site-rsa")
        self.handshakes, self.newest, self.step = 0, -1, max(0.2, min(2.0, validity / 60))

    def issue(self, name, **options):
        certificate = self.authority.issue(name, **options)
        self.serials[certificate.fingerprint(hashes.SHA256())] = certificate.serial_number
        return certificate

    def close(self):
        self.stop()
        self.authority.behaviour = ca.down  # lets go of those that hang
        self.authority.stop()
        self._directory.cleanup()

    def start(self):
        self.contender.start()

    def stop(self, number=signal.SIGTERM):
        self.contender.stop(number)

    @staticmethod
    def now():
        return time.monotonic()

    def see(self):
        """One handshake, judged by what the CA remembers."""
        try:
            staple, shown = handshake.shake_hands(self.contender.port)
        except handshake.NoHandshake as failure:
            return Seen(f"refused: {failure}") if self.contender.running() else Seen("ended: a program is gone")
        finally:
            self.handshakes += 1
        seen = judge(self.authority, self.certificate.serial_number, staple, time.time())
        given = seen.given
        if given is None:
            return seen
        if given.number < self.newest and given.status == "good" and self.certificate.serial_number in self.authority.revoked:
            return Seen("an older 'good' than was shown before")
        self.newest = max(self.newest, given.number)
        return seen

    def look(self, allowed, when=""):
        seen = self.see()
        if seen.word.split(":")[0] not in allowed:
            raise Wrong(f"{seen.word}{' ' + when if when else ''}, {' or '.join(sorted(allowed))} expected")
        return seen

    def expect(self, word, when=""):
        return self.look({word}, when)

    def watch(self, share, allowed, when="", each=None, until=None):
        """Looks for `share` of V, or until `until()`."""
        begun, end = self.now(), self.now() + share * self.validity
        while self.now() < end and not (until and until()):
            place = f"{when} after {self.now() - begun:.0f} of {share * self.validity:.0f} s".strip()
            seen = self.look(allowed, place)
            if each and seen.given:
                each(seen)
            time.sleep(self.step)

    def within(self, share, wanted, when, meanwhile=None):
        """Until it shows one of `wanted`, for at most `share` of V, but 10 s at least; other rightful staples may show before."""
        end, seen = self.now() + max(10.0, share * self.validity), None
        while self.now() < end:
            seen = self.see()
            kind = seen.word.split(":")[0]
            if kind in wanted:
                return seen
            if kind not in (meanwhile or {"good", "none", "revoked"}):
                raise Wrong(f"{seen.word} {when}")
            time.sleep(0.2)
        raise Wrong(f"{seen.word} {when}, for {max(10.0, share * self.validity):.0f} s")

    def outage(self):
        """Two thirds of the time for which the server uses an answer, as a share of V."""
        return 2 / 3 * (1 - self.contender.unused / self.validity)

    def become_steady(self):
        self.within(0.5, {"good"}, "in the beginning")

    def until_refreshed(self, when=""):
        """Until what is stapled was made after this call."""
        number = len(self.authority.given)
        end = self.now() + self.validity
        while self.now() < end:
            if self.look({"good"}, when).given.number >= number:
                return
            time.sleep(0.1)
        raise Wrong(f"not refreshed within V {when}")

    def fail_from_next_request(self, behaviour):
        begun = threading.Event()

        def fail(authority, certificate_id, handler):
            authority.behaviour = behaviour
            begun.set()
            return behaviour(authority, certificate_id, handler)
        self.authority.behaviour = fail
        return begun

    def bound_requests(self, per_validity):
        times = sorted(self.authority.requests)
        for at, first in enumerate(times):
            count = sum(1 for t in times[at:] if t - first < self.validity)
            if count > per_validity:
                raise Wrong(f"{count} requests within V")

    def use(self):
        """Descriptors, threads and memory of the programs and their children."""
        total = {"descriptors": 0, "threads": 0, "MiB": 0.0}
        pids = set(self.contender.pids())
        for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                if int(status.read_text().rsplit(")", 1)[1].split()[1]) in pids:
                    pids.add(int(status.parent.name))
            except (OSError, ValueError, IndexError):
                continue
        for pid in pids:
            try:
                total["descriptors"] += len(os.listdir(f"/proc/{pid}/fd"))
                fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
                total["threads"] += int(fields["Threads"])
                total["MiB"] += int(fields["VmRSS"].split()[0]) / 1024
            except (OSError, KeyError):
                continue
        return total


def _options(kind, scenario):
    lines = [line for line in (scenario.options,) if line]
    if kind.name == "apache":  # the relay's words differ
        lines = [line for line in lines if not line.startswith("confirm_revocation")]
    return "\n".join(lines)
