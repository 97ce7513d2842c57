"""Certificates that are renewed while clients never stop: no handshake may be without the staple of the certificate that it shows."""
import collections
import dataclasses
import errno
import threading
import time

import paths  # noqa: F401
import authority as ca
import handshake
from judge import Seen, judge
from kit import process
from scenarios import Wrong, scenario

CLIENTS = 4          # threads, each with one connection at a time
SEEN_OFTEN = 20      # handshakes that show a new certificate: then it is in service
PATIENCE = 10.0      # seconds for one handshake
TOLD, MOST_TOLD = 2, 10  # of each thing that was wrong, of all, in words


def look(world, signatures):
    """(serial number of the certificate that is shown, or nothing; what is Seen of its staple) in one full handshake."""
    try:
        staple, digest = handshake.shake_hands(world.contender.port, patience=PATIENCE, signatures=signatures)
    except handshake.NoHandshake as failure:
        if getattr(failure.__cause__, "errno", None) == errno.EADDRNOTAVAIL:
            raise  # this machine has no port left: nothing about the server
        return None, Seen(f"{'cut' if failure.connected else 'refused'}: {failure}")
    serial = world.serials.get(digest)
    if serial is None:
        return None, Seen("rubbish: a certificate that is not this server's")
    return serial, judge(world.authority, serial, staple, time.time())


def kinds_of(world):
    """Signatures that a client takes, to be shown each certificate of the server."""
    return list(handshake.SIGNATURES.values()) if "site-rsa" in world.contender.places else [None]


@dataclasses.dataclass(frozen=True)
class Tally:
    made: int        # handshakes
    unstapled: int   # of these, without a good staple for the certificate that was shown
    refused: int     # connections
    cut: int         # connections that ended in the handshake

    def __str__(self):
        return (f"{self.made} full handshakes, {self.unstapled} without a valid staple; {self.refused} connections refused, "
                f"{self.cut} cut in the handshake")


class Hammer:
    """Full handshakes, one after the other without a pause, from several threads; each is judged by what the CA remembers.

    Half of the clients take RSA certificates only where the server has both kinds, the others ECDSA.
    """

    def __init__(self, world, clients=CLIENTS):
        self._world, kinds = world, kinds_of(world)
        self._over, self._lock = threading.Event(), threading.Lock()
        self._counts = collections.Counter()  # by what was seen
        self.shown = collections.Counter()    # handshakes with a good staple, by serial number
        self.wrong, self.faults = [], []      # the first that were wrong, in words; what broke in here
        self._threads = [threading.Thread(target=self._run, args=(kinds[i % len(kinds)],), daemon=True) for i in range(clients)]
        self._begun, self.seconds = time.monotonic(), 0.0

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)
        self.seconds = time.monotonic() - self._begun

    def _run(self, signatures):
        try:
            while not self._over.is_set():
                serial, seen = look(self._world, signatures)
                self.note(serial, seen)
                if serial is None:
                    self._over.wait(0.01)  # asking a closed port as fast as can be serves nobody
        except Exception as fault:  # a client that ends unseen would find nothing wrong
            self.faults.append(repr(fault))

    def note(self, serial, seen):
        word = seen.word.split(":")[0]
        with self._lock:
            self._counts[word] += 1
            if word == "good":
                self.shown[serial] += 1
            elif self._counts[word] <= TOLD and len(self.wrong) < MOST_TOLD:
                self.wrong.append(f"{seen.word} ({time.monotonic() - self._begun:.1f} s after the beginning)")

    def tally(self):
        with self._lock:
            refused, cut = self._counts["refused"], self._counts["cut"]
            made = sum(self._counts.values()) - refused - cut
            return Tally(made, made - self._counts["good"], refused, cut)

    def check(self, may_cut):
        """\\param may_cut  whether connections may end in the handshake"""
        if self.faults:
            raise Wrong(f"a client of ours broke: {self.faults[0]}")
        tally = self.tally()
        if tally.unstapled or tally.refused or (tally.cut and not may_cut):
            raise Wrong("; ".join(self.wrong))

    def await_good(self, serial, name):
        """Until the certificate is in service, with its staple."""
        try:
            process.until(lambda: self.faults or self.shown[serial] >= SEEN_OFTEN, f"{name} is shown with its staple")
        except process.Failed as failure:
            raise Wrong(f"{failure}; {'; '.join(self.wrong)}") from failure


def renew_under_load(world, swaps):
    """Every certificate of the server is replaced, `swaps` times."""
    contender, count = world.contender, 0
    for signatures in kinds_of(world):
        process.until(lambda kind=signatures: look(world, kind)[1].word == "good", "a good staple in the beginning")
    new = [{place: f"{place}-{number}" for place in contender.places} for number in range(2, 2 + swaps)]
    serials = {name: world.issue(name, key="rsa" if place == "site-rsa" else "ec").serial_number
               for issued in new for place, name in issued.items()}
    hammer = Hammer(world)
    try:
        with hammer:
            for issued in new:
                contender.renew(issued)
                for name in issued.values():
                    hammer.await_good(serials[name], name)
                hammer.check(contender.reload_cuts)
                count += 1
    finally:
        tally = hammer.tally()
        world.handshakes += tally.made
        world.note = f"{count} swaps ({'ECDSA and RSA' if len(contender.places) > 1 else 'ECDSA'}) in {hammer.seconds:.0f} s: {tally}"
    hammer.check(contender.reload_cuts)


@scenario("S8", "certificates renewed under load: every handshake has the staple of the certificate it shows; none refused", rotates=True)
def renewed(world):
    renew_under_load(world, swaps=6)


@scenario("S8s", "the same with a CA that takes 1 s per answer", rotates=True)
def renewed_from_slow_ca(world):
    world.authority.behaviour = ca.slow(1.0)
    renew_under_load(world, swaps=3)
