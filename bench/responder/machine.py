"""The machine: which of its cores do what, what processes used, and whether others used it too."""
import ctypes
import os
import pathlib
import platform
import re
import resource
import signal
import sys
import time

import kit_path  # noqa: F401
from kit import process

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
TICK = os.sysconf("SC_CLK_TCK")


def pinned(core, *command):
    """The command on one core (None: on any), and gone when we are, however we end."""
    on_core = [] if core is None else ["taskset", "-c", str(core)]
    return ["setpriv", "--pdeathsig", "TERM", *on_core, *map(str, command)]


def clean_up_on_signals():
    """An end by signal ends what we started, too."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))


def family(pid):
    """A process and its children."""
    pids = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            pids += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            pass  # a thread that ended meanwhile
    return pids


def cpu_seconds(pid):
    """Time of a process, its threads, those that have ended too, and its children that are alive; to the nanosecond."""
    return sum(time.clock_gettime(_clock_of(one)) for one in family(pid))


def _clock_of(pid):
    """clock_getcpuclockid(3) of another process: what that process and all its threads have used."""
    return ~pid << 3 | 2


def memory(pid):
    """(resident octets, those of them that are neither a file nor shared)"""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return tuple(int(re.search(rf"^{key}:\s+(\d+) kB", text, re.M)[1]) * 1024 for key in ("VmRSS", "RssAnon"))


def _first(path, pattern, default="unknown"):
    try:
        match = re.search(pattern, pathlib.Path(path).read_text(), re.M)
    except OSError:
        return default
    return match[1] if match else default


def version_of(program, *arguments):
    """First line of what it says about itself, or nothing when it is absent."""
    path = process.find(program)
    if not path:
        return None
    done = process.run(path, *arguments)
    return next((line.strip() for line in done.text.splitlines() if line.strip()), "unknown")


def lmdb_version():
    """Of the library that the loader takes."""
    try:
        tell = ctypes.CDLL("liblmdb.so.0").mdb_version
    except OSError:
        return "absent"
    tell.restype = ctypes.c_char_p
    return tell(None, None, None).decode()


def facts(muster):
    memory_kib = int(_first("/proc/meminfo", r"^MemTotal:\s+(\d+)", "0"))
    return {
        "CPU": f"{_first('/proc/cpuinfo', r'^model name' + chr(92) + 's*: (.*)$')}, {os.cpu_count()} cores, "
               f"{float(_first('/proc/cpuinfo', r'^cpu MHz' + chr(92) + 's*: (.*)$', '0')):.0f} MHz now",
        "Memory": f"{memory_kib / 2**20:.1f} GiB",
        "Kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "System": _first("/etc/os-release", r'^PRETTY_NAME="(.*)"'),
        "C library": " ".join(platform.libc_ver()),
        "OpenSSL": version_of("openssl", "version"),
        "LMDB": lmdb_version(),
        "muster": version_of(muster, "version"),
        "nginx": version_of("nginx", "-v") or "absent",
        "wrk": version_of("wrk", "-v") or "absent: muster_bench_load alone",
        "cfssl": version_of("cfssl", "version") or "absent",
        "Compiler": _first(pathlib.Path(muster).parents[2] / "CMakeCache.txt", r"^CMAKE_CXX_COMPILER:\w+=(.*)$"),
        "Flags": _first(pathlib.Path(muster).parents[2] / "CMakeCache.txt", r"^CMAKE_CXX_FLAGS_RELWITHDEBINFO:\w+=(.*)$"),
    }


class Quiet:
    """Watches from its making on whether others use the machine."""
    LIMIT = 0.05  # of all cores; more, and the report says that it is not to be trusted

    def __init__(self):
        self.load_at_start = os.getloadavg()[0]
        (self._busy, self._stolen), self._own, self._since = self._busy_seconds(), self._own_seconds(), time.monotonic()

    @staticmethod
    def _busy_seconds():
        """Used on this machine, and taken from it by its host."""
        fields = [int(f) for f in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        user, nice, system, _, _, irq, softirq, steal = fields[:8]
        return (user + nice + system + irq + softirq) / TICK, steal / TICK

    @staticmethod
    def _own_seconds():
        kinds = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in kinds)

    def others(self):
        """Share of all cores that others used. Call when all our children have ended: they count only then."""
        used = self._busy_seconds()[0] - self._busy - (self._own_seconds() - self._own)
        return max(0.0, used / self._passed())

    def stolen(self):
        """Share of all cores that a virtual machine's host gave to somebody else meanwhile."""
        return max(0.0, (self._busy_seconds()[1] - self._stolen) / self._passed())

    def _passed(self):
        return max(time.monotonic() - self._since, 0.001) * os.cpu_count()
