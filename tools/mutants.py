#!/usr/bin/env python3
"""Takes rules away, one at a time, and sees whether a test notices.

A rule is an `if (...)` whose body begins with a return, continue or break, or a line MUSTER_CHECK(...);. All of them are made
switchable in a copy of the sources, built once; then the tests run once a rule with it switched off. A rule that no test misses is
printed with its place. tools/mutants.txt names the files, the tests that guard them, and rules that cannot be missed, with reasons.
It also plants bugs that are not a rule less: a piece of code that is another one while its number is switched on.

usage: tools/mutants.py [--jobs N] [GROUP...]     (from the project's root; builds below build/mutants)
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TREE = ROOT / "build" / "mutants"
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
            current = groups.setdefault(rest.strip(), {"files": [], "tests": [], "plants": []})
        elif word in ("file", "test"):
            current[word + "s"].append(rest.strip())
        elif word == "plant":
            current["plants"].append(tuple(part.strip() for part in rest.split(" | ")))
        elif word == "excused":
            path, text, reason = (part.strip() for part in rest.split("|"))
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


def switchable(path, source, first):
    """The source with numbered switches, and the rules as (number, path, line, text)."""
    rules, out, at = [], [], 0
    for match in re.finditer(r"\bif \(|^ *MUSTER_CHECK\(", source, re.M):
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
            text, found = switchable(path, (ROOT / path).read_text(), len(rules) + 1)
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

    def passes(test, off):
        try:
            program, *words = test.split()
            done = subprocess.run([found[program], *(words or ["--gtest_brief=1", "--gtest_fail_fast"])], cwd=ROOT, timeout=900,
                                  env=environment | {"MUSTER_RULE_OFF": str(off)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return done.returncode == 0
        except subprocess.TimeoutExpired:
            return False

    for test in tests:
        if not passes(test, 0):
            sys.exit(f"{test} fails with every rule in force")
    missed = excused_now = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name in chosen:
            guards = groups[name]["tests"]
            verdicts = pool.map(lambda rule: all(passes(test, rule[0]) for test in guards), of_group[name])
            for (_, path, line, text), survived in zip(of_group[name], verdicts):
                if not survived:
                    continue
                if (path, text) in excused:
                    excused_now += 1
                    continue
                missed += 1
                print(f"{path}:{line}: no test misses: {text}", flush=True)
    print(f"{len(rules)} rules taken away or bugs planted, one at a time: {len(rules) - missed - excused_now} noticed, "
          f"{excused_now} excused with a reason, {missed} not noticed")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
