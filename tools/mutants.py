#!/usr/bin/env python3
"""Takes rules away, one at a time, and sees whether a test notices.

A rule is an `if (...)` whose body begins with a return, continue or break, or a line MUSTER_CHECK(...);. All of them are made
switchable in a copy of the sources, built once; then the tests run once a rule with it switched off. A rule that no test misses is
printed with its place. tools/mutants.txt names the files, the tests that guard them, and rules that cannot be missed, with reasons.
It also plants bugs that are not a rule less: a piece of code that is another one while its number is switched on.
In files of `demands` (lint) a rule is the condition of a demand(...), too: switched off, it is always met.

usage: tools/mutants.py [--jobs N] [--again] [--report] [GROUP...]     (from the project's root; builds below build/mutants)

--again asks only about rules that docs/reports/mutants.json does not call noticed: for tests that were just added.
--report puts what came of the groups that ran into docs/reports/mutants.json and writes docs/reports/mutants.md anew from it.
"""
import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TREE = ROOT / "build" / "mutants"
REPORT = ROOT / "docs" / "reports" / "mutants.md"
SWITCH = """
#include <cstdlib>
[[maybe_unused]] static bool rule_off(int n) {
  static const char* const text = std::getenv("MUSTER_RULE_OFF");
  static const int off = text == nullptr ? 0 : std::atoi(text);
  return off == n;
}
"""


def read_plan():
    """Groups of files with their tests, and the rules that may go unnoticed: {(file, rule text): reason}."""
    groups, excused, current = {}, {}, None
    for line in (ROOT / "tools" / "mutants.txt").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "group":
            current = groups.setdefault(rest.strip(), {"files": [], "demands": [], "tests": [], "plants": [], "about": ""})
        elif word in ("file", "test"):
            current[word + "s"].append(rest.strip())
        elif word == "demands":
            current["files"].append(rest.strip())
            current["demands"].append(rest.strip())
        elif word == "about":
            current["about"] = rest.strip()
        elif word == "plant":
            current["plants"].append(tuple(part.strip() for part in rest.split(" | ")))
        elif word == "excused":
            path, text, reason = (part.strip() for part in rest.split(" | "))
            excused[(path, text)] = reason
        else:
            sys.exit(f"mutants.txt: what is '{word}'?")
    return groups, excused


def closing(text, start):
    """Position behind the parenthesis that closes the one at `start`."""
    depth, i, quote = 0, start, None
    while i < len(text):
        c = text[i]
        if quote:
            if c == "\\":
                i += 1
            elif c == quote:
                quote = None
        elif c in "\"'" and not (c == "'" and text[i - 1].isdigit()):
            quote = c
        elif c == "(":
            depth += 1
        elif c == ")":
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    raise ValueError("no closing parenthesis")


def split_init(condition):
    """`init; condition` as (init with its semicolon, condition)."""
    depth = 0
    for i, c in enumerate(condition):
        depth += c in "({[" 
        depth -= c in ")}]"
        if c == ";" and depth == 0:
            return condition[: i + 1], condition[i + 1 :]
    return "", condition


def split_argument(inside):
    """The first argument and the rest with its comma; nothing where there is no second."""
    depth, quote = 0, None
    for i, c in enumerate(inside):
        if quote:
            quote = None if c == quote and inside[i - 1] != "\\" else quote
        elif c in "\"'":
            quote = c
        else:
            depth += (c in "({[") - (c in ")}]")
            if c == "," and depth == 0:
                return inside[:i], inside[i:]
    return None


def switchable(path, source, first, with_demands=False):
    """The source with numbered switches, and the rules as (number, path, line, text)."""
    rules, out, at = [], [], 0
    for match in re.finditer(r"\bif \(|^ *MUSTER_CHECK\(" + (r"|\bdemand\(" if with_demands else ""), source, re.M):
        begin = match.end() - 1
        if match.start() < at:
            continue
        end = closing(source, begin)
        inside = source[begin + 1 : end - 1]
        number = first + len(rules)
        text = " ".join(inside.split())
        line = source.count("\n", 0, match.start()) + 1
        if match.group(0) == "if (":
            init, condition = split_init(inside)
            body = re.match(r"\s*\{\s*(//[^\n]*\n\s*)*(return|continue|break)\b", source[end:])
            is_declaration = re.match(r"\s*(const )?auto\b[^=]*=|\s*(const )?[\w:]+[*&]? (const )?\w+ = ", condition)
            if not body or is_declaration:
                continue
            new = f"if ({init} !rule_off({number}) && ({condition}))"
        elif match.group(0) == "demand(":
            arguments = split_argument(inside)
            if not arguments:
                continue
            new = f"demand(rule_off({number}) || ({arguments[0]}){arguments[1]})"
            text = "demand " + " ".join(arguments[0].split())
        else:
            if source[end : end + 1] != ";":
                continue
            new = f"if (!rule_off({number})) {{ MUSTER_CHECK({inside}); }}"
            end += 1
            text = "MUSTER_CHECK " + text
        out.append(source[at : match.start()] + new)
        at = end
        rules.append((number, path, line, text))
    out.append(source[at:])
    return SWITCH + "#line 1\n" + "".join(out), rules


def plant(source, number, old, new, name):
    """The source with `old` replaced by `new` while the switch `number` is on. A statement ends in a semicolon."""
    if source.count(old) != 1:
        sys.exit(f"mutants.txt: '{old}' is there {source.count(old)} times, not once ({name})")
    if old.endswith(";"):
        return source.replace(old, f"if (rule_off({number})) {{ {new} }} else {{ {old} }}")
    return source.replace(old, f"(rule_off({number}) ? ({new}) : ({old}))")


def main():
    parser = argparse.ArgumentParser(description="Takes rules away one at a time and sees whether a test notices.")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--again", action="store_true", help="only rules that were not noticed the last time")
    parser.add_argument("--report", action="store_true", help="keep what came of it in docs/reports")
    parser.add_argument("groups", nargs="*")
    args = parser.parse_args()
    groups, excused = read_plan()
    chosen = args.groups or list(groups)
    for name in chosen:
        if name not in groups:
            sys.exit(f"no group '{name}'; there are: {', '.join(groups)}")

    source = TREE / "source"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    contents = {path: (ROOT / path).read_bytes() for path in tracked.split("\0") if path and (ROOT / path).is_file()}
    rules, of_group = [], {}
    for name in chosen:
        for path in groups[name]["files"]:
            text, found = switchable(path, (ROOT / path).read_text(), len(rules) + 1, path in groups[name]["demands"])
            contents[path] = text.encode()
            rules += found
            of_group.setdefault(name, []).extend(found)
    switched = {rule[1] for rule in rules}
    for name in chosen:
        for path, old, new, what in groups[name]["plants"]:
            text = contents[path].decode()
            number = len(rules) + 1
            line = (ROOT / path).read_text()[: (ROOT / path).read_text().find(old)].count("\n") + 1
            text = plant(text, number, old, new, what)
            if path not in switched:
                switched.add(path)
                text = SWITCH + "#line 1\n" + text
            contents[path] = text.encode()
            rules.append((number, path, line, what))
            of_group.setdefault(name, []).append(rules[-1])
    for path, octets in contents.items():  # only what differs, so that the next run builds little
        target = source / path
        if not target.is_file() or target.read_bytes() != octets:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(octets)
            shutil.copymode(ROOT / path, target)
    tests = sorted({test for name in chosen for test in groups[name]["tests"]})
    build = source / "build" / "release"  # as deep as the release build: the cache knows objects by relative paths
    # The flags and the cache of the release build: what has no switches in it need not be compiled again.
    quiet = {"stdout": subprocess.DEVNULL, "env": os.environ | {"CCACHE_BASEDIR": str(source), "CCACHE_NOHASHDIR": "1"}}
    subprocess.run(["cmake", "-S", source, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                    "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O2 -g1", "-DMUSTER_WERROR=OFF"], check=True, **quiet)
    subprocess.run(["cmake", "--build", build, "--parallel", str(args.jobs), "--target", *{test.split()[0] for test in tests}], check=True, **quiet)
    found = {path.name: path for path in build.rglob("muster_*") if path.is_file() and os.access(path, os.X_OK)}
    environment = dict(os.environ)
    environment.setdefault("MUSTER_VECTORS", str(ROOT.parent / "shared" / "vectors"))

    patience = {}

    def passes(test, off, tries=2):
        """A test that does not end has noticed; twice, since a machine may stand still for a while."""
        try:
            program, *words = test.split()
            done = subprocess.run([found[program], *(words or ["--gtest_brief=1", "--gtest_fail_fast"])], cwd=ROOT, timeout=patience.get(test, 900),
                                  env=environment | {"MUSTER_RULE_OFF": str(off)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return done.returncode == 0
        except subprocess.TimeoutExpired:
            return tries > 1 and passes(test, off, tries - 1)

    for test in tests:
        begun = time.monotonic()
        if not passes(test, 0):
            sys.exit(f"{test} fails with every rule in force")
        patience[test] = 60 + 8 * (time.monotonic() - begun)
    missed = excused_now = 0
    results = {}
    noticed_before = {name: Noticed(name) for name in chosen if args.again}
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name in chosen:
            guards = groups[name]["tests"]
            known = [args.again and noticed_before[name].next(path, text) for _, path, _, text in of_group[name]]
            verdicts = pool.map(lambda rule, known: not known and all(passes(test, rule[0]) for test in guards), of_group[name], known)
            for (_, path, line, text), survived in zip(of_group[name], verdicts):
                reason = excused.get((path, text), "") if survived else ""
                results.setdefault(name, []).append({"file": path, "line": line, "rule": text, "noticed": not survived, "excused": reason})
                if not survived:
                    continue
                if reason:
                    excused_now += 1
                    continue
                missed += 1
                print(f"{path}:{line}: no test misses: {text}", flush=True)
            if args.report:
                write_report(groups, {name: results.get(name, [])})
    print(f"{len(rules)} rules taken away or bugs planted, one at a time: {len(rules) - missed - excused_now} noticed, "
          f"{excused_now} excused with a reason, {missed} not noticed")
    sys.exit(1 if missed else 0)


class Noticed:
    """The rules of a group that the last report calls noticed, in their order where several of a file read alike."""

    def __init__(self, name):
        data = REPORT.with_suffix(".json")
        rules = json.loads(data.read_text()).get(name, {}).get("rules", []) if data.is_file() else []
        self.verdicts = {}
        for rule in rules:
            self.verdicts.setdefault((rule["file"], rule["rule"]), []).append(rule["noticed"])

    def next(self, path, text):
        verdicts = self.verdicts.get((path, text))
        return bool(verdicts) and verdicts.pop(0)


def write_report(groups, results):
    """Adds the groups of `results` to what is known of others, and writes all of it for people."""
    data = REPORT.with_suffix(".json")
    known = json.loads(data.read_text()) if data.is_file() else {}
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    for name, rules in results.items():
        known[name] = {"commit": commit, "date": datetime.date.today().isoformat(), "tests": groups[name]["tests"], "rules": rules}
    known = {name: known[name] for name in groups if name in known}
    data.write_text(json.dumps(known, indent=1) + "\n")
    REPORT.write_text(report_text(groups, known))


def cell(text):
    """Code in a cell of a table."""
    return "`" + text.replace("|", "\\|").replace("`", "'") + "`"


def report_text(groups, known):
    def count(rules, what):
        return sum(1 for rule in rules if what(rule))

    every = [rule for group in known.values() for rule in group["rules"]]
    noticed = count(every, lambda r: r["noticed"])
    lines = ["# Rules taken away, one at a time", "",
             "Made by `./run mutants --report [GROUP...]`. Each rule of the files named is switched off by itself, and the tests of its group run: a rule is shown",
             "when one of them fails then. A group may also plant bugs: a piece of code that is another one. [tools/mutants.txt](../../tools/mutants.txt) names files, tests,",
             "planted bugs, and rules that no test can miss, with the reason.", "",
             f"**{noticed} of {len(every)} are shown by a test that fails without them**, {count(every, lambda r: r['excused'])} are excused with a reason, "
             f"{count(every, lambda r: not r['noticed'] and not r['excused'])} went unnoticed.", "",
             "| Group | About | Rules | Shown | Excused | Unnoticed | Commit | Date |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for name, group in known.items():
        rules = group["rules"]
        lines.append(f"| [{name}](#{name}) | {groups[name]['about']} | {len(rules)} | {count(rules, lambda r: r['noticed'])} | {count(rules, lambda r: r['excused'])} | "
                     f"{count(rules, lambda r: not r['noticed'] and not r['excused'])} | {group['commit']} | {group['date']} |")
    for name, group in known.items():
        tests = ", ".join(dict.fromkeys(f"`{test.split()[0]}`" for test in group["tests"]))
        lines += ["", f"## {name}", "", f"Guarded by {tests}.", "", "| Where | Rule | |", "| --- | --- | --- |"]
        for rule in group["rules"]:
            verdict = "shown" if rule["noticed"] else f"excused: {rule['excused']}" if rule["excused"] else "**unnoticed**"
            lines.append(f"| {rule['file'].removeprefix('libs/')}:{rule['line']} | {cell(rule['rule'])} | {verdict} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
