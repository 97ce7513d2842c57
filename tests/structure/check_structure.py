#!/usr/bin/env python3
"""Compares the house with its plan.

usage: check_structure.py SOURCE_DIR LINK_GRAPH

- every library links only what the table in docs/architecture.md allows, and the table names every library;
- a library includes public headers only of libraries it may (transitively) use; only pki, probe and tls include OpenSSL;
- every test file below libs/*/tests is listed in its CMakeLists.txt;
- docs/decisions/033-metrics.md names every metric, and docs/operating, docs/howto and it name none that there is not.
"""
import pathlib
import re
import sys

OPENSSL_ROOMS = {"pki", "probe", "tls"}


def allowed_from_architecture(text):
    """{library: set of libraries it may use} from rows like: | `net` | what it holds | `http` |"""
    allowed = {}
    for row in re.finditer(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", text, re.M):
        allowed[row[1]] = set(re.findall(r"`(\w+)`", row[2]))
    return allowed


def closure(name, graph, seen=None):
    seen = set() if seen is None else seen
    for dep in graph.get(name, ()):
        if dep not in seen:
            seen.add(dep)
            closure(dep, graph, seen)
    return seen


def read_graph(text):
    graph = {}
    for line in text.splitlines():
        name, _, deps = line.partition(":")
        if name.strip():
            graph[name.strip()] = set(deps.split())
    return graph


def graph_problems(graph, allowed):
    problems = []
    for name, deps in sorted(graph.items()):
        if name not in allowed:
            problems.append(f"library '{name}' is missing from the table in docs/architecture.md")
            continue
        for dep in sorted(deps - allowed[name]):
            problems.append(f"library '{name}' links '{dep}', which docs/architecture.md does not allow")
    for name in sorted(set(allowed) - set(graph)):
        problems.append(f"docs/architecture.md lists library '{name}', which the build does not have")
    return problems


def include_problems(source, graph):
    problems = []
    for name in sorted(graph):
        visible = closure(name, graph) | {name}
        for path in sorted((source / "libs" / name).rglob("*")):
            if path.suffix not in (".h", ".cc") or "tests" in path.relative_to(source / "libs" / name).parts:
                continue
            text = path.read_text()
            for used in set(re.findall(r'#include "muster/(\w+)/', text)) - visible:
                problems.append(f"{path.relative_to(source)} includes muster/{used}, which '{name}' may not use")
            if "#include <openssl/" in text and name not in OPENSSL_ROOMS:
                problems.append(f"{path.relative_to(source)} includes OpenSSL; only {', '.join(sorted(OPENSSL_ROOMS))} may")
    return problems


def unlisted_tests(source):
    problems = []
    for path in sorted((source / "libs").glob("*/tests/*_test.cc")):
        listing = path.parent.parent / "CMakeLists.txt"
        if not listing.exists() or path.name not in listing.read_text():
            problems.append(f"{path.relative_to(source)} is not listed in {listing.relative_to(source)}: it never runs")
    for path in sorted((source / "tests").rglob("*_test.cc")):
        listing = path.parent / "CMakeLists.txt"
        if not listing.exists() or path.name not in listing.read_text():
            problems.append(f"{path.relative_to(source)} is not listed in a CMakeLists.txt beside it: it never runs")
    return problems


def metric_problems(source):
    exposed = set()
    for path in [*(source / "libs").glob("*/src/*.cc"), *(source / "libs").glob("*/src/*.h")]:
        exposed |= set(re.findall(r'"(muster_[a-z0-9_]+)"', path.read_text()))
    names = source / "docs/decisions/033-metrics.md"
    listed = set(re.findall(r"`(muster_[a-z0-9_]+)`", names.read_text()))
    problems = [f"{names.relative_to(source)} does not name {name}" for name in sorted(exposed - listed)]
    for path in [names, *sorted((source / "docs/operating").glob("*.md")), *sorted((source / "docs/howto").glob("*.md"))]:
        for name in sorted(set(re.findall(r"\bmuster_[a-z0-9_]*[a-z0-9]\b(?!\*|\.\w)", path.read_text()))):
            if name not in exposed and re.sub(r"_(bucket|sum|count)$", "", name) not in exposed:
                problems.append(f"{path.relative_to(source)} names {name}, which nothing exposes")
    return problems


def main(argv):
    source = pathlib.Path(argv[1])
    graph = read_graph(pathlib.Path(argv[2]).read_text())
    allowed = allowed_from_architecture((source / "docs" / "architecture.md").read_text())
    problems = graph_problems(graph, allowed) + include_problems(source, graph) + unlisted_tests(source) + metric_problems(source)
    for problem in problems:
        print(problem)
    print(f"{len(graph)} libraries, {len(problems)} problems")
    return 1 if problems or not graph else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
