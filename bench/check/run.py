#!/usr/bin/env python3
"""Makes the whole report on the checker: scans with hosts that hang, one check beside the same work by hand, a large CRL.

usage: bench/check/run.py [--short] BUILD_DIR; --help tells the rest. docs/reports/README.md says how to read it.

Everything runs on this machine's loopback in a temporary directory and ends with this script. What is not installed is named and left out.
--short does each thing a few times, looks at every verdict, and says nothing about speed.
"""
import argparse
import dataclasses
import pathlib
import tempfile

import paths  # noqa: F401
import machine
import report
import rows_crl
import rows_scan
import rows_single

SECTIONS = {"scan": rows_scan.rows, "single": rows_single.rows, "crl": rows_crl.rows}
NOTES = pathlib.Path(__file__).with_name("notes.md")
LAYOUT = "Contenders take turns (A B C A B C); servers and programs share the machine."


@dataclasses.dataclass
class Plan:
    """What is measured with what, and how often."""
    build: pathlib.Path
    work: pathlib.Path
    short: bool
    rounds: int
    targets: int
    hanging: int
    timeout: int
    singles: int
    entries: int
    crl_rounds: int
    checked: int = 0

    @property
    def muster(self):
        return self.build / "apps/muster/muster"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--short", action="store_true", help="correctness only: a few of everything, every verdict looked at")
    parser.add_argument("--targets", type=int, default=None, help="servers of the scan (1000; short: 24)")
    parser.add_argument("--hanging", type=int, default=None, help="of them those that hang (10; short: 2)")
    parser.add_argument("--timeout", type=int, default=None, help="seconds that those are waited for (5)")
    parser.add_argument("--entries", type=int, default=None, help="of the CRL (1000000; short: 50000)")
    parser.add_argument("--rounds", type=int, default=None, help="samples of each figure (5; short: 1)")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, by comma: " + ", ".join(SECTIONS))
    parser.add_argument("--out", type=pathlib.Path, default=None, help="directory of the report (docs/reports; short: none is kept)")
    a = parser.parse_args()
    if unknown := set(a.only.split(",")) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    for name, short, full in (("targets", 24, 1000), ("hanging", 2, 10), ("timeout", 5, 5), ("entries", 50_000, 1_000_000), ("rounds", 1, 5)):
        setattr(a, name, getattr(a, name) or (short if a.short else full))
    if a.hanging >= a.targets:
        parser.error("--hanging is less than --targets")
    return a


def facts(plan):
    """Those of the machine, with the programs that are asked here."""
    all_facts = machine.facts(plan.muster)
    kept = {name: all_facts[name] for name in ("CPU", "Memory", "Kernel", "System", "C library", "OpenSSL", "muster")}
    kept["GnuTLS certtool"] = machine.version_of("certtool", "--version") or "absent"
    python = rows_crl.python_with_cryptography()
    kept["python cryptography"] = python and machine.version_of(python, "-c", "import cryptography; print(cryptography.__version__)") or "absent"
    return kept | {name: all_facts[name] for name in ("Compiler", "Flags")}


def main():
    a = arguments()
    machine.clean_up_on_signals()
    quiet = machine.Quiet()
    date = report.now()
    rows = []
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as name:
        plan = Plan(a.build, pathlib.Path(name), a.short, a.rounds, a.targets, a.hanging, a.timeout, 10 if a.short else 400, a.entries,
                    2 if a.short else 4 * a.rounds + 1)
        for section in a.only.split(","):
            rows += report.section_rows(section, SECTIONS[section], plan)
        others = quiet.others()
        out = a.out or (pathlib.Path(name) / "report" if a.short else report.REPORTS)
        path = report.write(out, rows, facts(plan), started=quiet.load_at_start, others=others, trusted=others < quiet.LIMIT, date=date,
                            how=f"{a.rounds} samples of each figure.", repeat=report.repeat_command("check", a.build),
                            name="checker", title="The checker, measured", layout=LAYOUT, notes_file=NOTES)
        kept = f"report: {path}" if a.out or not a.short else f"report: {path.stat().st_size} octets, not kept"
    print(f"{kept}; goals: {report.counts(rows)}; verdicts looked at: {plan.checked}")
    print(f"others used {others:.1%} of the machine" + ("" if others < quiet.LIMIT else ": these figures are not to be quoted"))
    report.end_by(rows, a.short)


if __name__ == "__main__":
    main()
