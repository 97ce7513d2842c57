#!/usr/bin/env python3
"""Joins the requirements table with the tests that name its rows and with their results.

usage: requirements_report.py REQUIREMENTS_CSV SOURCE_DIR [JUNIT_XML] [--gate COMPONENT[,COMPONENT]] [--missing COMPONENT]

A test names a requirement with a token OCSP-XXX-nnn in its name or in a comment `req: OCSP-XXX-nnn`, in its body or
directly above it. Fails on unknown ids, and when a MUST row of a gated component has no passing test.
"""
import argparse
import collections
import csv
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

TOKEN = re.compile(r"OCSP-[A-Z]+-[0-9]{3}")
TEST = re.compile(r"^\s*(?:TEST|TEST_F|TEST_P|TYPED_TEST)\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)
LEVELS = ("MUST", "SHOULD", "MAY", "PRACTICE")


def tokens_of_cpp(text):
    """{id: set of "Suite.Name"}: a token belongs to the test whose body it stands in, or, in the comment block directly
    above a test, to that test."""
    found = collections.defaultdict(set)
    tests = [(m.start(), m.end(), f"{m[1]}.{m[2]}") for m in TEST.finditer(text)]
    for token in TOKEN.finditer(text):
        owner = None
        for start, end, name in tests:
            if start <= token.start():
                owner = name
            else:
                between = text[token.end():start]
                above = [line.strip() for line in between.splitlines()[1:]]
                if all(line.startswith("//") or line == "" for line in above) and "\n\n" not in between:
                    line_start = text.rfind("\n", 0, token.start()) + 1
                    if text[line_start:token.start()].lstrip().startswith("//"):
                        owner = name
                break
        found[token[0]].add(owner)
    return found


def collect(source):
    """{id: set of test names}; None stands for a token outside any test."""
    named = collections.defaultdict(set)
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if relative.parts[0] not in ("libs", "apps", "tests") or "tests" not in relative.parts:
            continue
        if path.suffix == ".cc":
            for identifier, tests in tokens_of_cpp(path.read_text()).items():
                named[identifier] |= tests
        elif path.suffix in (".py", ".sh"):
            for token in TOKEN.finditer(path.read_text()):
                named[token[0]].add(path.stem)
    return named


def results_of(junit):
    """{"Suite.Name" without instantiation and parameter: True when every case passed, False when one failed}"""
    results = {}
    cases = {}
    # What tools/run_ctest.sh tried a second time lies beside it.
    for file in (pathlib.Path(junit), pathlib.Path(junit).with_name("junit-second.xml")):
        if file.exists():
            cases.update({case.get("name"): case for case in xml.parse(file).getroot().iter("testcase")})
    for name, case in cases.items():
        status = case.get("status")
        if status in ("disabled", "notrun") or case.find("skipped") is not None:
            continue
        parts = name.split("/")
        base = next((p for p in parts if "." in p), name)
        passed = status == "run" and case.find("failure") is None
        for key in {base, name, name.split(".")[-1]}:
            results[key] = results.get(key, True) and passed
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("csv")
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("junit", nargs="?")
    parser.add_argument("--gate", default="")
    parser.add_argument("--missing", default="")
    args = parser.parse_args()

    rows = list(csv.DictReader(open(args.csv, newline="")))
    known = {row["id"] for row in rows}
    named = collect(args.source)
    results = results_of(args.junit) if args.junit else None

    def state(identifier):
        tests = {t for t in named.get(identifier, ()) if t}
        if not tests:
            return "none"
        if results is None:
            return "named"
        outcomes = [results[t] for t in tests if t in results]
        if not outcomes:
            return "named"
        return "passing" if all(outcomes) else "failing"

    unknown = sorted(set(named) - known)
    counts = collections.Counter()
    for row in rows:
        if row["requirement"].startswith("WITHDRAWN:"):
            continue
        counts[row["component"], row["level"], "all"] += 1
        counts[row["component"], row["level"], state(row["id"])] += 1

    print("Requirements with a passing test / all (f: failing, n: named by a test that did not run here)")
    print(f"{'component':<10}" + "".join(f"{level:>16}" for level in LEVELS))
    for component in dict.fromkeys(row["component"] for row in rows):
        line = f"{component:<10}"
        for level in LEVELS:
            every = counts[component, level, "all"]
            cell = f"{counts[component, level, 'passing']}/{every}" if every else "-"
            for letter, what in (("f", "failing"), ("n", "named")):
                if counts[component, level, what]:
                    cell += f" {letter}{counts[component, level, what]}"
            line += f"{cell:>16}"
        print(line)

    failed = False
    for identifier in unknown:
        print(f"unknown requirement id {identifier} in {sorted(map(str, named[identifier]))}")
        failed = True
    gated = [c for c in args.gate.split(",") if c]
    for row in rows:
        if row["component"] in gated and row["level"] == "MUST" and state(row["id"]) != "passing":
            print(f"{row['id']} (MUST, {row['component']}) has no passing test: {row['requirement']}")
            failed = True
    for row in rows:
        if row["component"] in args.missing.split(",") and state(row["id"]) == "none":
            print(f"missing {row['id']} {row['level']:<8} {row['requirement']}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
