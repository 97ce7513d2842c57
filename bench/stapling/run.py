#!/usr/bin/env python3
"""Servers fed by muster while their CA misbehaves: every scenario, every handshake judged.

usage: bench/stapling/run.py BUILD_DIR; --help tells the rest. docs/reports/README.md says how to read the report.

Real servers, real time, on loopback in temporary directories; ends by itself. V is short, so this takes some minutes and not days;
HAProxy drops every staple five minutes before it ends, so it gets a longer V and takes longer.
"""
import argparse
import concurrent.futures
import dataclasses
import json
import pathlib
import sys
import time
import traceback

import paths  # noqa: F401
import contenders
import machine
import report
from kit import process

try:
    import scenarios
    import rotation  # noqa: F401: its scenarios join the others
    from world import World
except ImportError as missing:
    print(f"skipped: {missing} (Debian: python3-cryptography)")
    sys.exit(77)

PASSED, SKIPPED, FAILED = "ok", "-", "**X**"


@dataclasses.dataclass
class Result:
    scenario: str
    contender: str
    verdict: str
    why: str = ""
    note: str = ""
    handshakes: int = 0
    seconds: float = 0.0
    words: dict = dataclasses.field(default_factory=dict)
    is_earlier: bool = False  # of a run before this one


def arguments():
    names = [kind.name for kind in contenders.ALL]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--validity", type=float, default=120.0, help="V, seconds (120)")
    parser.add_argument("--haproxy-validity", type=float, default=900.0, help="V for HAProxy, seconds (900)")
    parser.add_argument("--only", default="", help="scenarios, by comma")
    parser.add_argument("--servers", default=",".join(names), help="by comma: " + ", ".join(names))
    parser.add_argument("--jobs", type=int, default=12, help="worlds at a time (12)")
    parser.add_argument("--out", type=pathlib.Path, default=None, help="directory of the report (none is written)")
    parser.add_argument("--add", action="store_true", help="worlds of the report in OUT that are not played now stay in it")
    a = parser.parse_args()
    if a.add and not a.out:
        parser.error("--add needs --out")
    known = {s.key for s in scenarios.ALL}
    a.only = a.only.split(",") if a.only else sorted(known)
    if unknown := set(a.only) - known | set(a.servers.split(",")) - set(names):
        parser.error(f"no such scenario or server: {', '.join(sorted(unknown))}")
    a.kinds = [kind for kind in contenders.ALL if kind.name in a.servers.split(",")]
    return a


def play(scenario, kind, muster, validity):
    """One scenario with one server."""
    result, begun, world = Result(scenario.key, kind.name, PASSED), time.monotonic(), None
    try:
        # A V that leaves room for the server's own margin is long enough for every scenario.
        world = World(kind, scenario, muster, validity * (1.0 if kind.margin else scenario.validity))
        if scenario.starts:
            world.start()
        scenario.run(world)
    except scenarios.Skipped as skipped:
        result.verdict, result.why = SKIPPED, str(skipped)
    except scenarios.Wrong as wrong:
        result.verdict, result.why = FAILED, str(wrong)
    except process.Failed as failed:
        result.verdict, result.why = FAILED, str(failed)[-600:]
    except Exception:  # a fault of ours: told like one of theirs, never passed over
        result.verdict, result.why = FAILED, traceback.format_exc()[-900:]
    if world:
        result.handshakes, result.note = world.handshakes, world.note
        if result.verdict == FAILED:
            result.words = world.contender.words()
        try:
            world.close()
        except (process.Failed, OSError) as failed:
            result.verdict, result.why = FAILED, result.why or str(failed)[-600:]
    result.seconds = time.monotonic() - begun
    return result


def write_report(out, results, a, facts, date):
    """stapling.md and stapling.json."""
    found = {(r.scenario, r.contender): r for r in results}
    chosen = [s for s in scenarios.ALL if any(r.scenario == s.key for r in results)]
    kinds = [kind for kind in contenders.ALL if any(r.contender == kind.name for r in results)]
    earlier = sum(r.is_earlier for r in results)

    def verdict_of(s, kind):
        return found[s.key, kind.name].verdict if (s.key, kind.name) in found else SKIPPED

    lines = ["# Stapling while the CA misbehaves", "",
             f"Made by `./run bench stapling` on {date}: {sum(r.handshakes for r in results):,} handshakes. V is {a.validity:g} s, for HAProxy "
             f"{a.haproxy_validity:g} s (it drops a staple five minutes before its end)."
             + (f" {earlier} of the {len(results)} worlds were played in an earlier run." if earlier else ""), "",
             "A staple is right if it is, octet for octet, an answer that the CA gave as a right one about this certificate, and not expired; an older 'good' after a "
             "'revoked' is wrong. What other servers do by themselves in these scenarios: see the project's research (perf_stapling.md).", "",
             "| Scenario | " + " | ".join(kind.name for kind in kinds) + " |", "| --- |" + " --- |" * len(kinds)]
    for s in chosen:
        lines.append(f"| {s.key} {s.text} | " + " | ".join(verdict_of(s, kind) for kind in kinds) + " |")
    passed = [f"{sum(verdict_of(s, kind) == PASSED for s in chosen)}/{sum(verdict_of(s, kind) != SKIPPED for s in chosen)}" for kind in kinds]
    lines += ["| **passed** | " + " | ".join(passed) + " |", ""]
    for r in results:
        if text := "; ".join(part for part in (r.why, r.note) if part):
            lines.append(f"- {r.scenario}, {r.contender}: {' '.join(text.split())[:400]}")
    lines += ["", "nginx and HAProxy are handed staples by `muster stapler`, Apache asks `muster relay`, front is `muster front`.", "",
              "| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in facts.items()), ""]
    out.mkdir(parents=True, exist_ok=True)
    (out / "stapling.md").write_text("\n".join(lines))
    (out / "stapling.json").write_text(json.dumps([dataclasses.asdict(r) for r in results], indent=1) + "\n")


def tell(r):
    text = " ".join(f"{r.why} {r.note}".split())[:300]
    print(f"{r.scenario:5} {r.contender:8} {r.verdict:6} {r.seconds:5.0f} s {r.handshakes:6} handshakes  {text}", flush=True)
    if r.verdict == FAILED:
        for name, said in r.words.items():
            print(*(f"        {name}: {line}" for line in said), sep="\n", flush=True)


def main():
    a = arguments()
    machine.clean_up_on_signals()
    muster = a.build / "apps/muster/muster"
    kinds = [kind for kind in a.kinds if not kind.missing()]
    for kind in a.kinds:
        if missing := kind.missing():
            print(f"{kind.name}: left out, {missing} is not installed", flush=True)
    work = [(s, kind) for s in scenarios.ALL if s.key in a.only for kind in kinds]
    work.sort(key=lambda w: w[1].margin, reverse=True)  # the long ones first
    date = report.now()
    results = []
    # Clients that never stop would take the others' time: those worlds come last, one by one.
    for rotates, at_a_time in ((False, a.jobs), (True, 1)):
        with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
            jobs = [pool.submit(play, s, kind, muster, a.haproxy_validity if kind.margin else a.validity)
                    for s, kind in work if s.rotates == rotates]
            for job in concurrent.futures.as_completed(jobs):
                results.append(job.result())
                tell(results[-1])
    played = {(r.scenario, r.contender) for r in results}
    failed = [r for r in results if r.verdict == FAILED]
    print(f"{len(results) - len(failed)} of {len(results)} without a fault")
    if a.add and (a.out / "stapling.json").exists():
        before = [Result(**{**row, "is_earlier": True}) for row in json.loads((a.out / "stapling.json").read_text())]
        results += [r for r in before if (r.scenario, r.contender) not in played]
    results.sort(key=lambda r: ([s.key for s in scenarios.ALL].index(r.scenario), r.contender))
    if a.out:
        names = {"nginx": ("nginx", "-v"), "HAProxy": ("haproxy", "-v"), "Apache": ("apache2", "-v")}
        facts = {name: value for name, value in machine.facts(muster).items() if name in ("CPU", "Kernel", "System", "OpenSSL", "muster")}
        facts |= {name: machine.version_of(*command) or "absent" for name, command in names.items()}
        write_report(a.out, results, a, facts, date)
    if failed:
        sys.exit("wrong: " + ", ".join(f"{r.scenario} {r.contender}" for r in failed))


if __name__ == "__main__":
    main()
