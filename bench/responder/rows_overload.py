"""More than can be done: what is accepted stays quick, the rest is refused at once, and it is over when the load is."""
import time

import kit_path  # noqa: F401
import load
import rows_steady
import servers
from figures import Goal, Row

TIMES = 3.0             # of capacity
CROWD = 2000            # connections the generator may open: at a constant rate nobody waits for another's answer
FEW = 8                 # connections that keep a signer busy, of which none is ever refused: what is refused costs capacity
P99_MS, RECOVERY_S = 20.0, 5.0
KEYS_OF_LOAD = ("P-256", "RSA-2048")  # the first may be more than the load can ask for on one core
ONE_IN = 10             # requests beside those that need a signature asks for what is remembered
LIMIT = 1000            # connections a loop of the second row takes
RETRY_AFTER_S = 1.0     # what those are told for whom there is no place
LONG = 10               # x the seconds of a sample: the burst that is let through first (`signing_wait`) counts, and so does what comes after it


def sampled(plan, server, pattern, seconds, rate, rest=0.0):
    how = load.How(seconds, wrk=False, rest=rest)
    sample = load.own(plan.data, server, pattern, how, rate)
    sample["errors"] -= sample.pop("errors (shed)", 0)  # they are looked at by themselves
    return sample


def recovery(plan, server, pattern, rate, usual_p99):
    """Seconds from the end of the overload until half a second passes without a refusal and with a p99 as before, and that half second."""
    began = time.monotonic()
    while True:
        at = time.monotonic() - began
        sample = sampled(plan, server, pattern, 0.5, rate)
        if sample["errors"] + sample.get("refused", 0) == 0 and sample["p99 us"] <= 2 * usual_p99 + 1000:
            return {**sample, "recovered after s": at}
        if at > 4 * RECOVERY_S:
            return {**sample, "recovered after s": at}


def goals(plan, row, during):
    p99 = row.median(during, "p99 us")
    row.goals.append(plan.goal("p99 of what was accepted", P99_MS, p99 and p99 / 1000, at_least=False, unit=" ms"))
    refused = row.median(during, "p99 us of refusals")
    row.goals.append(plan.goal("p99 of the refusals", P99_MS, refused and refused / 1000, at_least=False, unit=" ms", why="nothing was refused"))
    row.goals.append(plan.goal("recovery", RECOVERY_S, row.median("afterwards", "recovered after s"), at_least=False, unit=" s"))
    row.goals.append(Goal("errors other than refusals", 0, max(sample["errors"].most for sample in row.figures.values()), at_least=False))


def live(plan, kind):
    """Every request has a nonce: signatures are scarce. One in ten asks for what is remembered."""
    name = f"overload-live-{kind}"
    row = Row(name, f"Overload: {TIMES:g} x the signatures there are, constant rate, {kind}, nonces", charts=("p99 us",))
    server = servers.Muster(plan.data, name, servers.signer(plan.data, kind) + f'\nindex = "{plan.data.index(1)}"')
    few = load.Pattern(method="post", nonce=True, connections=FEW)
    nonces = load.Pattern(method="post", nonce=True)
    crowd = load.Pattern(method="post", nonce=True, connections=CROWD, beside=ONE_IN)
    seconds, long = (1.0, 1.0) if plan.short else (3 * plan.seconds, LONG * plan.seconds)
    try:
        capacity = rows_steady.capacity(plan, server, few)
        row.command = plan.cost(f"muster_bench_load --method post --rate {TIMES * capacity:.0f} --connections {CROWD} --one-in {ONE_IN}", long)
        for _ in range(1 if plan.short else min(plan.rounds, 3)):
            usual = sampled(plan, server, nonces, seconds, rows_steady.SHARE * capacity)
            row.add("70 % of capacity", usual)
            # Without remembered answers, which cost next to nothing, the rate is that of what needs a signature.
            row.add("3 x capacity", sampled(plan, server, crowd, long, TIMES * capacity * ONE_IN / (ONE_IN - 1)))
            row.add("afterwards", recovery(plan, server, nonces, rows_steady.SHARE * capacity, usual["p99 us"]))
    finally:
        server.stop()
    goals(plan, row, "3 x capacity")
    beside = row.median("3 x capacity", "p99 us of beside")
    row.goals.append(plan.goal("p99 of remembered answers meanwhile", P99_MS, beside and beside / 1000, at_least=False, unit=" ms"))
    own = row.median("3 x capacity", "p99 us of the load itself")
    if own and own > 1000 * P99_MS / 2:
        row.notes.append(f"The load's own delay was {own / 1000:,.0f} ms (p99): its core is not fast enough for {CROWD:,} connections at this rate, and the "
                         "latencies above are its own. Look at the row with fewer signatures a second.")
    return row


def remembered(plan):
    """Three times as many clients as may connect, each asking all the time. Those without a place come back when they are told to; and, as a flood does, at once."""
    row = Row("overload-remembered", f"Overload: {TIMES * LIMIT:g} clients where {LIMIT} may connect, remembered answers, closed loop",
              charts=("p99 us",))
    server = servers.Muster(plan.data, "overload-remembered", servers.signer(plan.data) + f'\nindex = "{plan.data.index(1)}"',
                            f"max_connections = {LIMIT}")
    within = load.Pattern(connections=LIMIT // 2)
    crowd = load.Pattern(connections=round(TIMES * LIMIT))
    seconds = 1.0 if plan.short else 3 * plan.seconds
    try:
        row.command = plan.cost(f"muster_bench_load --connections {crowd.connections} --rest {RETRY_AFTER_S:g} (max_connections = {LIMIT})")
        for _ in range(1 if plan.short else min(plan.rounds, 3)):
            usual = sampled(plan, server, within, seconds, 0)
            row.add("half of the connections", usual)
            row.add("3 x the connections", sampled(plan, server, crowd, seconds, 0, RETRY_AFTER_S))
            row.add("the same, back at once", sampled(plan, server, crowd, seconds, 0))
            row.add("afterwards", recovery(plan, server, within, 0, usual["p99 us"]))
    finally:
        server.stop()
    goals(plan, row, "3 x the connections")
    flood = row.median("the same, back at once", "p99 us")
    row.goals.append(plan.goal("p99 of what was accepted in a flood of connections", P99_MS, flood and flood / 1000, at_least=False, unit=" ms"))
    row.notes.append("Clients without a place come back after a second, as they are told; in the flood at once, and all of them together then wait "
                     "for their refusals: a loop turns away 16 in a millisecond at the most.")
    return row


def rows(plan):
    for kind in KEYS_OF_LOAD:
        yield live(plan, kind)
    yield remembered(plan)
