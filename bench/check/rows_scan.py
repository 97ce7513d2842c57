"""A thousand servers of which ten hang: the whole program, its time and its memory."""
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time

import paths  # noqa: F401
import machine
from figures import Goal, Row
from kit import process

# Beside the slowest timeout, and of the whole process.
SHARE, MEMORY_MIB = 1.2, 200


def measured(command, most_seconds):
    """Wall seconds, CPU seconds, most memory in MiB and output of a command, whatever it ends with."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.monotonic()
        child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        alarm = threading.Timer(most_seconds, child.kill)
        alarm.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
        finally:
            alarm.cancel()
        took = time.monotonic() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        texts = [stream.read().decode("utf-8", "replace") for stream in (out, err)]
    if child.returncode < 0:
        raise process.Failed(f"{command[0]} ended by signal {-child.returncode} (within {most_seconds:g} s?): {texts[1][-500:]}")
    return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, child.returncode, *texts


def serve(build, directory, healthy, hanging, delegates=1):
    """The servers, in a process of their own that is gone when we are."""
    pathlib.Path(directory).mkdir()
    servers = process.Daemon(*machine.pinned(None, build / "bench/check/muster_bench_check", "serve", directory, healthy, hanging, delegates))
    servers.wait_for("^ready$", deadline=120)
    return servers


def judge(text, healthy, hanging, directory):
    """What is wrong with the reports: every healthy name good, every hanging one undetermined, nothing missing."""
    seen = {}
    for line in text.splitlines():
        report = json.loads(line)
        if report.get("target"):  # of a target its own certificate comes first
            seen.setdefault(report["target"], report["verdict"])
    names = (pathlib.Path(directory) / "targets.txt").read_text().split()
    want = {name: "undetermined" if name.startswith("hang") else "good" for name in names}
    wrong = [f"{name}: {seen.get(name)} instead of {verdict}" for name, verdict in want.items() if seen.get(name) != verdict]
    if len(names) != healthy + hanging or len(seen) != len(names) or wrong:
        raise process.Failed(f"{len(seen)} reports about {len(names)} targets; wrong: {wrong[:5]}")
    return len(names)


def rows(plan):
    healthy, hanging, timeout = plan.targets - plan.hanging, plan.hanging, plan.timeout
    directory = f"{plan.work}/scan"
    row = Row("scan", f"{plan.targets:,} servers, {hanging} of which hang",
              f"muster check --targets-from targets.txt --roots root.pem --timeout {timeout}s --resolve ... --format ndjson", charts=())
    with serve(plan.build, directory, healthy, hanging):
        resolve = [word for line in (pathlib.Path(directory) / "resolve.txt").read_text().split() for word in ("--resolve", line)]
        command = [plan.muster, "check", "--targets-from", f"{directory}/targets.txt", "--roots", f"{directory}/root.pem", "--no-cache",
                   "--timeout", f"{timeout}s", *resolve, "--format", "ndjson"]
        for _ in range(plan.rounds):
            took, cpu, memory, code, out, err = measured(command, 60 + 10 * timeout)
            if code not in (3, 4):
                raise process.Failed(f"exit code {code} where hanging servers make it 3: {err[-500:]}")
            plan.checked += judge(out, healthy, hanging, directory)
            row.add("muster check", {"seconds": took, "of the timeout": took / timeout, "CPU seconds": cpu, "MiB at most": memory})
    row.goals = [Goal("time / slowest timeout", SHARE, row.median("muster check", "of the timeout"), at_least=False, judged=not plan.short),
                 Goal("memory of the whole process", MEMORY_MIB, row.figures["muster check"]["MiB at most"].most, at_least=False, unit=" MiB",
                      judged=not plan.short)]
    row.notes = [f"Each healthy server has a certificate of its own, is asked for a staple, has none, and its responder is asked (one signed "
                 f"answer each). A hanging one takes the connection and says nothing for {timeout} s. Servers, responder and program share the "
                 "machine. Every verdict is looked at."]
    yield row
