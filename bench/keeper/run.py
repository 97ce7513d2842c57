#!/usr/bin/env python3
"""Makes the report on the stapler: many certificates in one process, its memory, its start, its plan, and what a responder that hangs costs.

usage: bench/keeper/run.py [--short] BUILD_DIR; --help tells the rest. docs/reports/README.md says how to read it.

Nothing is asked over a network. Everything is below a temporary directory and ends with this script. --short looks at every answer and says
nothing about speed or memory.
"""
import argparse
import json
import pathlib
import re
import subprocess
import tempfile
import time

import paths  # noqa: F401
import machine
import report
from figures import Goal, Row
from kit import process

LAYOUT = "Each program has one core."
READY = re.compile(r"ready: (\d+) certificates, (\d+) fresh")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--short", action="store_true", help="correctness only, with few certificates")
    parser.add_argument("--count", type=int, default=None, help="certificates (100000; short: 500)")
    parser.add_argument("--rounds", type=int, default=None, help="samples of each figure (3; short: 1)")
    parser.add_argument("--work", type=pathlib.Path, default=None, help="where the temporary directory is (some 100,000 small files, 1 GiB)")
    parser.add_argument("--out", type=pathlib.Path, default=None, help="directory of the report (docs/reports; short: none is kept)")
    a = parser.parse_args()
    a.count = a.count or (500 if a.short else 100_000)
    a.rounds = a.rounds or (1 if a.short else 3)
    return a


def bench(a, *words, deadline=3600):
    """What a mode of the program says of itself."""
    return json.loads(process.must(*machine.pinned(machine.SERVER_CORE, a.build / "bench/keeper/muster_bench_keeper", *words), deadline=deadline).out)


def private_octets(pid):
    """Memory that a process has for itself."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(kb) for kb in re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+) kB", text, re.M)) * 1024


def started(a, chains, shelf):
    """A stapler from its start until it is ready: seconds, seconds of CPU time, its own memory, and what it says."""
    command = machine.pinned(machine.SERVER_CORE, a.build / "apps/muster/muster", "stapler", "--cert", chains, "--shelf", shelf)
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as stapler:
        try:
            for line in stapler.stdout:
                if ready := READY.search(line):
                    sample = {"s": time.monotonic() - begin, "CPU s": machine.cpu_seconds(stapler.pid)}
                    return sample, private_octets(stapler.pid), tuple(map(int, ready.groups()))
        finally:
            stapler.terminate()
    raise process.Failed("the stapler ended before it was ready")


def whole_program(a, work, made):
    """The program as it is deployed: chains as files, a full shelf, no responder that answers."""
    row = Row("program", f"{made['certificates']:,} certificates in one stapler", "muster stapler --cert chains/ --shelf shelf/", charts=())
    few = work / "few"
    few.mkdir()
    (few / "host-0.pem").write_bytes((work / "chains/host-0.pem").read_bytes())
    for _ in range(a.rounds):
        _, empty, told = started(a, few, work / "few-shelf")
        if told[0] != 1:
            raise process.Failed(f"one certificate, and the stapler says {told}")
        sample, full, told = started(a, work / "chains", work / "shelf")
        if told != (made["certificates"],) * 2:
            raise process.Failed(f"not all are covered from the shelf: {told}")
        grown = (full - empty) / made["certificates"]
        row.add("start with a full shelf", sample)
        row.add("memory for each certificate", {"octets": None, "all": grown, "besides its DER and its answer's": grown - made["octets"] / made["certificates"]})
    row.goals = [
        Goal("start until each is covered from the shelf", 20, row.median("start with a full shelf", "s"), at_least=False, unit=" s", judged=not a.short),
        Goal("memory for each besides the DER", 4096, row.median("memory for each certificate", "besides its DER and its answer's"), at_least=False,
             unit=" octets", judged=not a.short)]
    row.notes = ["From the start of the process until it says that it is ready: every chain read and its issuer found by name and key identifier, every answer of the shelf parsed and its "
                 "signature (P-256) verified again, everything planned, the status written. The signatures of the certificates are verified afterwards, 200 a second (decision 053). Memory is what the process has for itself then, less that of a stapler with one "
                 "certificate; the DER of certificate and answer is "
                 f"{made['octets'] / made['certificates']:,.0f} octets each on average."]
    return row


def keeper_alone(a, work, made):
    row = Row("keeper", "The keeper alone takes them up", "muster_bench_keeper start DIRECTORY", charts=())
    for _ in range(a.rounds):
        said = bench(a, "start", work)
        if said["covered"] != made["certificates"]:
            raise process.Failed(f"not all are covered: {said}")
        row.add("keeper", {"parse s": said["parse s"], "issuers s": said["issuers s"], "load s": said["load s"],
                           "octets each besides the DER": (said["resident octets"] - made["octets"]) / made["certificates"]})
    row.notes = ["Parse: certificates out of one file, which needs no OpenSSL. Issuers: the signature (P-256) of each verified under its issuer's key. Load: shelf read, answers verified, everything planned. No logging, no status."]
    return row


def plan_alone(a):
    row = Row("plan", f"A day of the plan of {a.count:,} certificates at 50 responders", "muster_bench_keeper plan COUNT", charts=())
    for _ in range(a.rounds):
        for name, said in bench(a, "plan", a.count).items():
            row.add(name, {measure: said[measure] for measure in ("refreshes", "step us", "longest step us", "mean wait s", "longest wait s")})
    hangs, well = "one of 50 hangs", "50 responders"
    more = row.median(hangs, "longest wait s") - row.median(well, "longest wait s")
    row.goals = [Goal("a step of the plan", 50, max(row.median(name, "step us") for name in (hangs, well)), at_least=False, unit=" µs", judged=not a.short),
                 Goal("what one that hangs adds to the longest wait of the others", 1, max(more, 0.0), at_least=False, unit=" s", judged=not a.short),
                 Goal("longest wait of the others then", 1, row.median(hangs, "longest wait s"), at_least=False, unit=" s", judged=not a.short)]
    row.notes = ["The plan is a pure function; time is simulated, and responders answer after 200 ms. A wait is from when a refresh is due until it is asked for: 4 at a time "
                 "at one host. Answers held at the start are up to two days old and last seven. A step: what is given up, what an answer means, what is to be asked now."]
    return row


def main():
    a = arguments()
    machine.clean_up_on_signals()
    quiet = machine.Quiet()
    date = report.now()
    rows = []
    with tempfile.TemporaryDirectory(prefix="muster-bench-", dir=a.work) as name:
        work = pathlib.Path(name)
        made = bench(a, "make", work, a.count)
        for make in (lambda: whole_program(a, work, made), lambda: keeper_alone(a, work, made), lambda: plan_alone(a)):
            rows.append(make())
            print(report.plain(rows[-1]), flush=True)
        others = quiet.others()
        facts = machine.facts(a.build / "apps/muster/muster")
        kept = {key: facts[key] for key in ("CPU", "Memory", "Kernel", "System", "C library", "OpenSSL", "muster", "Compiler", "Flags")}
        out = a.out or (work / "report" if a.short else report.REPORTS)
        path = report.write(out, rows, kept, started=quiet.load_at_start, others=others, trusted=others < quiet.LIMIT, date=date,
                            how=f"{a.rounds} samples of each figure.", repeat=report.repeat_command("keeper", a.build),
                            name="stapler", title="The stapler, measured", layout=LAYOUT)
        print(f"report: {path}" if a.out or not a.short else f"report: {path.stat().st_size} octets, not kept", f"; goals: {report.counts(rows)}", sep="")
    print(f"others used {others:.1%} of the machine" + ("" if others < quiet.LIMIT else ": these figures are not to be quoted"))
    report.end_by(rows, a.short)


if __name__ == "__main__":
    main()
