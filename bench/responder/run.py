#!/usr/bin/env python3
"""Makes the whole report on the responder: every row of the goals, beside peers and limits, in one run.

usage: bench/responder/run.py [--short] BUILD_DIR; --help tells the rest. docs/reports/README.md says how to read it.

Everything runs on this machine's loopback in a temporary directory and ends with this script. What is not installed is named and
left out. --short asks a few hundred times each, looks at every answer, and says nothing about speed.
"""
import argparse
import os
import pathlib
import tempfile

import kit_path  # noqa: F401
import machine
import report
import rows_core
import rows_http
import rows_overload
import rows_sign
import rows_steady
import rows_store
from data import Data
from plan import Plan

SECTIONS = {"http": rows_http.rows, "sign": rows_sign.rows, "core": rows_core.rows, "steady": rows_steady.rows, "overload": rows_overload.rows, "store": rows_store.rows}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--short", action="store_true", help="correctness only: a few hundred requests each, every answer looked at")
    parser.add_argument("--count", type=int, default=None, help="certificates in the large store (1000000; short: 1000)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each sample")
    parser.add_argument("--rounds", type=int, default=None, help="samples of each figure (5; short: 1)")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, by comma: " + ", ".join(SECTIONS))
    parser.add_argument("--out", type=pathlib.Path, default=None, help="directory of the report (docs/reports; short: none is kept)")
    parser.add_argument("--name", default="responder", help="of the report's files, for some sections apart from the others (responder)")
    parser.add_argument("--work", default=None, help="where the temporary directory is made: 4 GiB for 10000000 certificates")
    a = parser.parse_args()
    unknown = set(a.only.split(",")) - set(SECTIONS)
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    a.count = a.count or (1000 if a.short else 1_000_000)
    a.rounds = a.rounds or (1 if a.short else 5)
    if a.count < 1000:
        parser.error("--count is at least 1000")
    return a


def main():
    a = arguments()
    machine.clean_up_on_signals()
    quiet = machine.Quiet()
    date = report.now()
    rows = []
    with tempfile.TemporaryDirectory(prefix="muster-bench-", dir=a.work) as name:
        os.chmod(name, 0o755)  # nginx's worker is somebody else
        plan = Plan(Data(name, a.build), a.count, a.seconds, a.rounds, a.short)
        for section in a.only.split(","):
            rows += report.section_rows(section, SECTIONS[section], plan)
        facts = machine.facts(plan.data.muster)
        others = quiet.others()
        facts["taken by the host"] = f"{quiet.stolen():.1%} of all cores while this ran: it hits contenders alike, rows not"
        trusted = others < quiet.LIMIT and len(machine.CORES) > 1
        out = a.out or (pathlib.Path(name) / "report" if a.short else report.REPORTS)
        how = f"Samples: {a.rounds} of {a.seconds:g} s for each figure, {a.count:,} certificates in the large store."
        path = report.write(out, rows, facts, started=quiet.load_at_start, others=others, trusted=trusted, how=how, name=a.name,
                            repeat=report.repeat_command("responder", a.build), date=date)
        kept = f"report: {path}" if a.out or not a.short else f"report: {path.stat().st_size} octets, not kept"
    print(f"{kept}; goals: {report.counts(rows)}; answers looked at one by one: {plan.checked}")
    print(f"others used {others:.1%} of the machine" + ("" if trusted else ": these figures are not to be quoted"))
    report.end_by(rows, a.short)


if __name__ == "__main__":
    main()
