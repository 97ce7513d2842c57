"""The store: size, import, opening, and a large CRL."""
import re
import shutil
import time

import kit_path  # noqa: F401
import machine
import serials
from data import LONG
from figures import Row
from kit import process

CRL_SAYS = r"complete: (\d+) entries in ([\d.]+) s .*own memory at most (\d+) MiB more, with mapped files (\d+) MiB"


def importing(plan):
    data, count = plan.data, plan.count
    row = Row("store", f"Store: import of {count:,} certificates with serials of 16 octets", "muster store import --index")
    for _ in range(1 if plan.short else min(plan.rounds, 3)):
        for order in ("sorted", "random"):
            path = data.path("import")
            row.add(f"muster, {order} source", data.import_into(path, data.index(count, order), count))
            shutil.rmtree(path)
    row.goals.append(plan.goal("octets on disk per certificate", 40.0, row.median("muster, random source", "octets each"), at_least=False))
    row.goals.append(plan.goal("entries/s, sorted source", 2e6, row.median("muster, sorted source", "entries/s")))
    row.goals.append(plan.goal("entries/s, unsorted source", 1e6, row.median("muster, random source", "entries/s")))
    return row


def opening(plan):
    data, path = plan.data, plan.data.store(plan.count)
    row = Row("open", f"Store of {plan.count:,}: opening it", "muster store get SERIAL: a process from its start to its end")
    serial = f"{serials.serial(plan.count // 2):X}"
    for _ in range(5 if plan.short else 20):
        start = time.monotonic()
        process.must(*machine.pinned(machine.SERVER_CORE, data.muster, "store", "get", "--store", path, serial))
        row.add("muster", {"ms": (time.monotonic() - start) * 1000})
    row.goals.append(plan.goal("whole process", 50.0, row.median("muster", "ms"), at_least=False, unit=" ms"))
    return row


def crl(plan):
    count = 1000 if plan.short else 1_000_000
    row = Row("crl", f"CRL of {count:,} entries into the store", f"muster_bench_source {count}")
    for _ in range(1 if plan.short else min(plan.rounds, 3)):
        text = process.must(*machine.pinned(machine.SERVER_CORE, plan.data.build / "bench/source/muster_bench_source", count),
                            deadline=LONG).out
        row.add("muster", crl_sample(text))
    row.goals.append(plan.goal("swapped in", 3.0, row.median("muster", "s"), at_least=False, unit=" s"))
    row.goals.append(plan.goal("own memory", 100.0, row.median("muster", "own MiB"), at_least=False, unit=" MiB"))
    return row


def crl_sample(text):
    found = re.search(CRL_SAYS, text)
    if not found:
        raise process.Failed(f"muster_bench_source says something else:\n{text[-500:]}")
    return {"s": float(found[2]), "own MiB": float(found[3]), "with mapped files MiB": float(found[4])}


def rows(plan):
    yield importing(plan)
    yield opening(plan)
    yield crl(plan)
