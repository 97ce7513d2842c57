#!/usr/bin/env python3
"""Soaks a responder: an hour of everything at once, at a modest rate, and whether its memory stays where it is.

usage: bench/soak/soak.py [--minutes 60] BUILD_DIR; --help tells the rest. docs/reports/README.md says how to read the report.

One real `muster responder` with everything switched on: remembered and live answers, nonces, strange serials, revocations by push and
by index.txt, reloads, delegates that are renewed, CRLs published, batch calls, new connections, clients that misbehave. Answers about
what changes are judged one by one, all others counted. It runs on loopback in a temporary directory, ends by itself, and takes little
enough of a core to run beside other work.
"""
import argparse
import pathlib
import sys
import tempfile

import paths  # noqa: F401
import flatness
import load
import machine
import memory
import report
import soak_report
import soak_work
from data import Data
from flatness import Bound
from soak_world import HOT, World

MIB = 1 << 20
BOUNDS = {"anonymous": Bound(2 * MIB, 0.03), "descriptors": Bound(2.0), "threads": Bound(1.0)}
GRAINS = {"anonymous": MIB / 4, "descriptors": 2.0, "threads": 1.0}
JUDGED_FROM = 10.0  # minutes; shorter runs say nothing about memory


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--minutes", type=float, default=60.0, help=f"below {JUDGED_FROM:g} the memory is not judged (60)")
    parser.add_argument("--once", action="store_true", help="each kind of work twice, nothing about memory")
    parser.add_argument("--count", type=int, default=100_000, help="certificates of the large CA (100000)")
    parser.add_argument("--share", type=float, default=1.0, help="of the rate of requests (1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, default=report.REPORTS, help="directory of the report (docs/reports)")
    parser.add_argument("--work", default=None, help="where the temporary directory is made")
    a = parser.parse_args()
    if a.count < HOT:
        parser.error(f"--count is at least {HOT}")
    return a


def streams(count):
    """name -> (pattern, requests a second)"""
    hot = {"serials": count, "hot": HOT}
    return {
        "remembered, GET": (load.Pattern(connections=16, **hot), 300),
        "remembered, POST": (load.Pattern(method="post", connections=16, **hot), 300),
        "strange serials (signed, and pushed out again)": (load.Pattern(method="post", connections=8, serials=count), 80),
        "nonces (signed each)": (load.Pattern(method="post", nonce=True, connections=8, **hot), 60),
        "a new connection each": (load.Pattern(close=True, connections=8, **hot), 30),
    }


def pieces(world):
    """(seconds between, name, what is done)"""
    slow = []

    def misbehave():
        slow.append(world.misbehave())
        while len(slow) > 8:
            slow.pop(0).close()
        return 10

    return ((0.5, "asked one by one", world.ask_some), (1.5, "pushed", world.push_some), (5, "misbehaved", misbehave),
            (10, "asked in batches", world.batch), (15, "metrics and explanations", world.look), (30, "CRLs read", world.read_crl),
            (45, "reloads", world.reload), (75, "changes of index.txt", world.change_index), (170, "signers rolled over", world.rollover))


def set_to_work(crew, world, share):
    for name, (pattern, rate) in streams(world.count).items():
        crew.stream(name, world.data, world.server, pattern, rate * share)
    for interval, name, piece in pieces(world):
        crew.every(interval, name, piece)


def once(a):
    """Everything once, while the streams run; nothing about memory. What goes wrong is raised."""
    with tempfile.TemporaryDirectory(prefix="muster-soak-", dir=a.work) as name:
        world = World(Data(name, a.build), HOT * 2, a.seed)
        try:
            crew = soak_work.Crew(3600)
            for name, (pattern, rate) in streams(world.count).items():
                crew.stream(name, world.data, world.server, pattern, rate / 10)
            for _, name, piece in (*pieces(world), *pieces(world)):
                crew.tally.add(name, piece())
            memory.sample(world.server.pid)
            tally = crew.end()
        finally:
            world.server.stop()
    print(soak_report.plain({}, {}, tally, None))
    if tally.failures:
        sys.exit(f"wrong: {tally.failures} failures")


def judged(series, minutes):
    """measure -> Flatness, or the reason why there is none"""
    if minutes < JUDGED_FROM:
        return {measure: f"{minutes:g} minutes are too few" for measure in BOUNDS}
    return {measure: flatness.judge(series[measure], bound, grain=GRAINS[measure]) for measure, bound in BOUNDS.items()}


def tell(crew, series):
    """A line for who looks on."""
    done, now = crew.tally, {measure: points[-1][1] for measure, points in series.items() if points}
    print(f"{crew.left() / 60:.0f} minutes left: {sum(done.done.values()):,} done, {done.failures} wrong; "
          f"anonymous {now['anonymous'] / MIB:.1f} MiB, {now['descriptors']} descriptors, {now['threads']} threads", flush=True)
    print(*done.texts, sep="\n", end="\n" if done.texts else "", flush=True)


def main():
    a = arguments()
    machine.clean_up_on_signals()
    if a.once:
        once(a)
        return
    date = report.now()
    with tempfile.TemporaryDirectory(prefix="muster-soak-", dir=a.work) as name:
        world = World(Data(name, a.build), a.count, a.seed)
        try:
            seconds = a.minutes * 60
            sampler = memory.Sampler(world.server.pid, min(5.0, seconds / 60))
            crew = soak_work.Crew(seconds)
            set_to_work(crew, world, a.share)
            tally = crew.wait(world.server.daemon.running, lambda: tell(crew, sampler.series))
            alive = world.server.daemon.running()
            cpu = machine.cpu_seconds(world.server.pid) / seconds if alive else None
            series = sampler.stop()
            if not alive:
                tally.fail("the responder", "ended before it was told to:\n" + world.server.daemon.output()[-3000:])
        finally:
            world.server.stop()
        verdicts = judged(series, a.minutes) if alive else {}
        facts = machine.facts(world.data.muster)
    repeat = "./run soak" + ("" if a.minutes == 60 else f" {a.minutes:g}")
    path = soak_report.write(a.out, date=date, repeat=repeat, minutes=a.minutes, cpu=cpu, series=series, verdicts=verdicts, tally=tally,
                             facts=facts, streams=streams(a.count), share=a.share)
    print(soak_report.plain(series, verdicts, tally, cpu))
    print(f"report: {path}")
    grown = [measure for measure, verdict in verdicts.items() if not isinstance(verdict, str) and not verdict.flat]
    if tally.failures or grown or not alive:
        sys.exit(f"wrong: {tally.failures} failures" + "".join(f"; {measure} grows" for measure in grown))


if __name__ == "__main__":
    main()
