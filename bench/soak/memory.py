"""What a process holds: memory by kind, descriptors, threads, CPU time. From /proc, once every few seconds."""
import os
import pathlib
import re
import threading
import time

# Of smaps_rollup. Pages of LMDB's file are file-backed: the kernel takes them back when it wants; what must not grow is anonymous.
KINDS = {"RSS": "Rss", "PSS": "Pss", "anonymous": "Pss_Anon", "file-backed": "Pss_File"}
MEASURES = (*KINDS, "descriptors", "threads")


def parse(text):
    """measure -> octets, of the text of smaps_rollup."""
    return {name: int(re.search(rf"^{field}:\s+(\d+) kB$", text, re.M)[1]) * 1024 for name, field in KINDS.items()}


def sample(pid):
    base = pathlib.Path(f"/proc/{pid}")
    return {**parse((base / "smaps_rollup").read_text()), "descriptors": len(os.listdir(base / "fd")),
            "threads": len(os.listdir(base / "task"))}


class Sampler:
    """Samples a process on a thread of its own; `series` is measure -> [(seconds since the start, value)]."""

    def __init__(self, pid, interval):
        self.series = {measure: [] for measure in MEASURES}
        self._pid, self._interval, self._end, self._start = pid, interval, threading.Event(), time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                now = sample(self._pid)
            except (OSError, TypeError):
                return  # it has ended; who started it tells why
            at = time.monotonic() - self._start
            for measure, value in now.items():
                self.series[measure].append((at, value))
            if self._end.wait(self._interval):
                return

    def stop(self):
        self._end.set()
        self._thread.join()
        return self.series
