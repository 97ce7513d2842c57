#!/usr/bin/env python3
"""Instructions of a remembered answer, and of a signed one besides its cryptography, counted by valgrind (callgrind), against what they
may be. Unlike times they hardly jitter: a hot path that grew fails here on any machine.

usage: instructions.py BUILD_DIR [--update | --profile]; exit 77 without valgrind. --update writes what was counted to
instructions.json; --profile tells instead which functions they are in.
"""
import argparse
import json
import pathlib
import platform
import re
import sys
import tempfile

import kit_path  # noqa: F401
from kit import process

BUDGET = pathlib.Path(__file__).with_name("instructions.json")
# Way of hot_path.cc: answers to count. `moved` commits to the store for each; the last three sign.
WAYS = {"get": 2000, "post": 2000, "moved": 100, "live": 100, "nonce": 100, "ahead": 100}
# What depends on the processor and on OpenSSL rather than on us is taken off.
CRYPTOGRAPHY = ("muster::pki::Signer::sign(", "muster::pki::digest_into(")
SKIPPED = 77


def collected(text):
    """What callgrind says it collected."""
    found = re.search(r"Collected : (\d+)", text)
    if not found:
        raise process.Failed(f"callgrind counted nothing:\n{text[-2000:]}")
    return int(found[1])


def count(valgrind, program, way, out):
    # Only what the counted functions call: not the start, nor what is signed before, nor the changes between.
    done = process.must(valgrind, "--tool=callgrind", f"--callgrind-out-file={out}", "--toggle-collect=muster_counted_*", program, way,
                        WAYS[way], deadline=250)
    counted = collected(done.err) / WAYS[way]
    return counted - sum(cost for cost, name in by_function(annotated(out), WAYS[way], None) if name.startswith(CRYPTOGRAPHY))


def annotated(out):
    return process.must("callgrind_annotate", "--threshold=100", "--auto=no", "--inclusive=yes", out).out


def by_function(text, answers, most=20):
    """callgrind_annotate's lines as (instructions an answer, function), the costliest first."""
    found = re.findall(r"^\s*([\d,]+) \([ \d.]+%\)\s+(?:\S+?:)?(\S.*?)(?: \[.*)?$", text, re.M)
    costs = {}
    for cost, name in found:
        # A function has one line for each file it has code of; whoever called the counted one is of no interest.
        if not re.match(r"PROGRAM|main$|\(below main\)|__libc_start|0x", name):
            costs[name] = max(costs.get(name, 0), int(cost.replace(",", "")) / answers)
    return sorted(((cost, name) for name, cost in costs.items()), reverse=True)[:most]


def profile(valgrind, program):
    with tempfile.TemporaryDirectory() as name:
        for way in WAYS:
            out = pathlib.Path(name) / way
            print(f"{way}: {count(valgrind, program, way, out):,.0f} instructions an answer, by function (what it calls included):")
            for cost, function in by_function(annotated(out), WAYS[way]):
                print(f"  {cost:8,.0f}  {function[:150]}")


def judge(counted, budget):
    """[(way, text, is it within)]; more is wrong, much less wants a new budget."""
    out = []
    for way, instructions in counted.items():
        allowed = budget["instructions"][way]
        ratio = instructions / allowed
        within = ratio <= 1 + budget["slack"]
        text = f"{way:6} {instructions:8,.0f} instructions an answer, {ratio:.2f} of the budget of {allowed:,}"
        if not within:
            text += f": more than {budget['slack']:.0%} above. What grew? (callgrind_annotate; if it is worth it: instructions.py BUILD --update)"
        elif ratio < 1 - budget["slack"]:
            text += ": well below, so the budget can come down (instructions.py BUILD --update)"
        out.append((way, text, within))
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--profile", action="store_true")
    a = parser.parse_args()
    valgrind = process.find("valgrind")
    if not valgrind or platform.machine() != "x86_64":
        print("skipped: valgrind is not installed" if not valgrind else "skipped: the budget is for x86_64")
        sys.exit(SKIPPED)
    program = a.build / "bench/responder/muster_bench_hot_path"
    if a.profile:
        profile(valgrind, program)
        return
    with tempfile.TemporaryDirectory() as name:
        counted = {way: count(valgrind, program, way, pathlib.Path(name) / way) for way in WAYS}
    budget = json.loads(BUDGET.read_text())
    if a.update:
        budget["instructions"] = {way: round(instructions) for way, instructions in counted.items()}
        BUDGET.write_text(json.dumps(budget, indent=2) + "\n")
    judged = judge(counted, budget)
    print("\n".join(text for _, text, _ in judged))
    sys.exit(0 if all(within for _, _, within in judged) else 1)


if __name__ == "__main__":
    main()
