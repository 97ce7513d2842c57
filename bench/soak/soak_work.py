"""Work that goes on while a responder is soaked: pieces at intervals, and streams of requests at a constant rate."""
import threading
import time

import paths  # noqa: F401
import load

STINT = 60.0  # seconds between two looks at what was done


class Tally:
    """What was done, how often, and what went wrong. Any thread."""
    KEPT = 20  # texts of failures

    def __init__(self):
        self._lock, self.done, self.wrong, self.texts = threading.Lock(), {}, {}, []

    def add(self, name, count):
        with self._lock:
            self.done[name] = self.done.get(name, 0) + count

    def fail(self, name, text, count=1):
        with self._lock:
            self.wrong[name] = self.wrong.get(name, 0) + count
            if len(self.texts) < self.KEPT:
                self.texts.append(f"{name}: {text}")

    @property
    def failures(self):
        with self._lock:
            return sum(self.wrong.values())


class Crew:
    """Runs work until it is told to end."""

    def __init__(self, seconds):
        self.tally, self._over, self._threads = Tally(), threading.Event(), []
        self._end = time.monotonic() + seconds

    def left(self):
        return 0.0 if self._over.is_set() else self._end - time.monotonic()

    def _start(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def every(self, interval, name, piece):
        """`piece()` does something and says how many; what it raises is a failure."""
        self._start(self._pieces, interval, name, piece)

    def _pieces(self, interval, name, piece):
        while not self._over.wait(max(0.0, min(interval, self.left()))) and self.left() > 0:
            try:
                self.tally.add(name, piece())
            except Exception as wrong:  # whatever it is: it is what we are here to see
                self.tally.fail(name, f"{type(wrong).__name__}: {wrong}")

    def stream(self, name, data, server, pattern, rate):
        self._start(self._stints, name, data, server, pattern, rate)

    def _stints(self, name, data, server, pattern, rate):
        while self.left() > 0.2:
            how = load.How(seconds=min(STINT, self.left()), wrk=False, calm=True, core=None)
            running = load.Generator(load.command(data, server, pattern, how, rate))
            try:
                self._over.wait(how.seconds)
                sample = running.stop() if self._over.is_set() else running.wait(how.deadline)
            except Exception as wrong:
                self.tally.fail(name, f"{type(wrong).__name__}: {wrong}")
                continue
            self.tally.add(name, sample["answered"])
            if sample["errors"]:
                kinds = {kind: count for kind, count in sample.items() if kind.startswith("errors (")}
                self.tally.fail(name, str(kinds), sample["errors"])

    def wait(self, running, tell):
        """To the end, or until `running()` says that there is nobody left to work for. `tell()` is called every minute."""
        told = time.monotonic()
        while self.left() > 0 and running():
            time.sleep(min(1.0, max(0.0, self.left())))
            if time.monotonic() - told >= STINT:
                told = time.monotonic()
                tell()
        return self.end()

    def end(self):
        self._over.set()
        for thread in self._threads:
            thread.join(180)
        return self.tally
