"""Without sockets, and what memory remembered answers take."""
import json

import kit_path  # noqa: F401
import load
import machine
import servers
from figures import Goal, Row
from kit import process
from rows_http import BOULDER_MIB


def no_socket(plan):
    """The answerer alone, in the benchmark's own process."""
    row = Row("no-socket", f"Parse, lookup in a store of {plan.count:,}, remembered answer: no socket",
              f"MUSTER_BENCH_SERIALS={plan.count} muster_bench_responder")
    for _ in range(plan.rounds):
        text = process.must(*machine.pinned(machine.SERVER_CORE, plan.data.build / "bench/responder/muster_bench_responder",
                                            f"--benchmark_min_time={0.01 if plan.short else 0.5}", "--benchmark_format=json"),
                            env={"MUSTER_BENCH_SERIALS": str(plan.count)}, deadline=3600).out
        for name, sample in benchmarks(text).items():
            row.add(name, sample)
    spread, lookup = (row.median(name, "ns") for name in ("RememberedSpread", "StoreLookup"))
    row.goals.append(plan.goal("remembered answer and a lookup of the record, us of CPU", 1.6, (spread + lookup) / 1000, at_least=False,
                               unit=" us"))
    for name in ("RememberedPost", "RememberedGet", "RememberedSpread"):
        # Not speed: holds on any machine. The few that the benchmark's own start makes vanish in the thousands.
        row.goals.append(Goal(f"allocations per answer ({name})", 0.01, row.median(name, "allocations"), at_least=False))
    row.notes.append("StoreLookup renews the snapshot and reads one record. A remembered answer needs it only after the store has changed; the "
                     "goal's figure is the sum of both.")
    return row


def benchmarks(text):
    """name -> {ns of CPU, allocations} of google benchmark's JSON."""
    scale = {"ns": 1.0, "us": 1e3, "ms": 1e6}
    return {one["name"].removeprefix("BM_"): {"ns": one["cpu_time"] * scale[one["time_unit"]], "allocations": one.get("allocations")}
            for one in json.loads(text)["benchmarks"]}


def memory(plan):
    """The process before and after it remembers many answers."""
    count = min(plan.count, 1_000_000)
    row = Row("memory", f"Memory of the process with {count:,} remembered answers", f"muster_bench_load --order sequential --requests {count}")
    # A set of the table that is full lets go of one: a quarter more room keeps nearly all.
    muster = servers.muster_of_store(plan.data, "memory", count, f"ready_answers = {max(1024, count + count // 4)}\n{servers.PATIENT}")
    try:
        before = machine.memory(muster.pid)
        pattern = load.Pattern(method="post", serials=count, hot=count, sequential=True)
        filled = load.own(plan.data, muster, pattern, load.How(3600.0, requests=count))
        after = machine.memory(muster.pid)
        again = load.own(plan.data, muster, load.Pattern(method="post", serials=count), load.How(3600.0, requests=min(count, 20_000)))
    finally:
        muster.stop()
    octets = filled["octets"] / filled["answered"]
    row.add("muster", {"MiB before": before[0] / 2**20, "MiB after": after[0] / 2**20, "MiB after, own": after[1] / 2**20,
                       "octets of an answer": octets, "resident octets per answer": (after[0] - before[0]) / count,
                       "CPU us, asked again": again["CPU us"], "errors": filled["errors"] + again["errors"]})
    row.goals.append(plan.goal("resident memory of the process / octets of all answers", 1.3, after[0] / (octets * count), at_least=False))
    if count == 1_000_000:
        row.goals.append(plan.goal("Boulder's memory for as many (1,030 MiB, recorded) / muster's", 6.0, BOULDER_MIB * 2**20 / after[0]))
    row.goals.append(plan.no_errors(row, "muster"))
    row.notes.append("Resident memory has the touched part of the mapped store in it; 'own' is what is neither a file nor shared. Asked again at "
                     "random: the CPU time tells whether they were still remembered.")
    return row


def rows(plan):
    yield no_socket(plan)
    yield memory(plan)
