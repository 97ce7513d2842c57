"""Answers signed live, beside what `openssl speed` signs on the same core."""
import pathlib
import re
import time

import kit_path  # noqa: F401
import load
import machine
import servers
from data import KEYS
from figures import Goal, Row, interleaved
from kit import process
from rows_http import BOULDER_LIVE_CPU_US

# Kind of key: algorithm of `openssl speed`, where -mr prints its signatures a second, and the goal.
SPEED = {"P-256": ("ecdsap256", r"^\+F4:\d+:256:([\d.eE+-]+):", 0.78), "RSA-2048": ("rsa2048", r"^\+F2:\d+:2048:([\d.eE+-]+):", 0.95),
         "Ed25519": ("ed25519", r"^\+F6:\d+:253:Ed25519:([\d.eE+-]+):", 0.78)}


def signatures_per_second(text, kind):
    found = re.search(SPEED[kind][1], text, re.M)
    if not found:
        raise process.Failed(f"openssl speed does not tell the signatures a second of {kind}:\n{text[-500:]}")
    return float(found[1])


def speed(plan, kind):
    text = process.must(*machine.pinned(machine.SERVER_CORE, "openssl", "speed", "-mr", "-seconds", max(1, round(plan.seconds)),
                                        SPEED[kind][0]), deadline=120 + 10 * plan.seconds).out
    rate = signatures_per_second(text, kind)
    return {"requests/s": rate, "CPU us": 1e6 / rate}


def rows(plan):
    data = plan.data
    for kind in KEYS:
        muster = servers.Muster(data, f"live-{kind}", servers.signer(data, kind) + f'\nindex = "{data.index(1)}"',
                                f'ready_answers = 0\n{servers.PATIENT}')
        try:
            row = Row(f"sign-{kind}", f"Signed live, {kind}, beside openssl speed",
                      plan.cost(f"muster_bench_load --method post; openssl speed {SPEED[kind][0]}"))
            contenders = {"muster, no nonce": lambda: plan.sample(muster, load.Pattern(method="post", serials=2, hot=1)),
                          "muster, nonces": lambda: plan.sample(muster, load.Pattern(method="post", nonce=True))}
            if not plan.short:
                contenders["openssl speed"] = lambda: speed(plan, kind)
            interleaved(row, contenders, plan.rounds)
            for name in ("muster, no nonce", "muster, nonces"):
                row.goals.append(plan.goal(f"CPU of one signature by openssl speed / CPU of one answer ({name})", SPEED[kind][2],
                                           row.ratio("CPU us", "openssl speed", name), why="speed is not asked in the short form"))
            if kind == "P-256":
                cpu = row.median("muster, no nonce", "CPU us")
                row.goals.append(plan.goal("Boulder's CPU per live answer (114 us, recorded) / muster's", 5.0,
                                           BOULDER_LIVE_CPU_US / cpu if cpu else None))
            row.goals.append(plan.no_errors(row, "muster, no nonce", "muster, nonces"))
            yield row
        finally:
            muster.stop()
    yield presign(plan)


def told(text, name):
    """The sum of a metric's samples."""
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M))


def presign_once(plan, count):
    """A whole issuer of `count` certificates, from the first signature seen to the last."""
    data, control = plan.data, plan.data.path("presign.sock")
    kept = pathlib.Path(data.store(count)) / "answers-ahead"
    kept.unlink(missing_ok=True)  # of the round before
    muster = servers.Muster(data, "presign", servers.signer(data) + '\npresign = ["sha256"]', f'store = "{data.store(count)}"',
                            f'[responder.presign]\ncore_percent = 100\n[responder.admin]\nlisten = "unix:{control}"')
    try:
        def signed():
            connection = servers.UnixConnection(control)
            text = connection.ask("GET", "/metrics")
            connection.close()
            return told(text, "muster_presign_signatures_total"), told(text, "muster_presign_failures_total")
        first, cpu, began = signed()[0], machine.cpu_seconds(muster.pid), time.monotonic()
        process.until(lambda: signed()[0] >= count, "a whole issuer is signed", 3600)
        made, used, passed = count - first, machine.cpu_seconds(muster.pid) - cpu, time.monotonic() - began
        # What was signed ahead is what clients get: none of these is signed for them.
        before, pattern = signed()[0], load.Pattern(method="post", serials=count)
        asked = load.own(data, muster, pattern, load.How(600.0, requests=min(count, 2000)))
        return {"requests/s": made / passed, "CPU us": used / made * 1e6 if made else None,
                "errors": asked["errors"] + signed()[1] + abs(signed()[0] - before)}
    finally:
        muster.stop()


def presign(plan):
    count = min(plan.count, 200_000)
    row = Row("presign", f"Signing a whole issuer of {count:,} certificates ahead, P-256, in bulk", "muster responder with presign; openssl speed")
    contenders = {"muster": lambda: presign_once(plan, count)}
    if not plan.short:
        contenders["openssl speed"] = lambda: speed(plan, "P-256")
    interleaved(row, contenders, min(plan.rounds, 3))
    row.goals.append(plan.goal("CPU of one signature by openssl speed / CPU of one answer signed ahead, all in", 0.92,
                               row.ratio("CPU us", "openssl speed", "muster"), why="speed is not asked in the short form"))
    row.goals.append(plan.no_errors(row, "muster"))
    row.notes.append("One signing thread on the server's core; several share a queue and a table and nothing else. The process's CPU time counts the "
                     "looks at all serials, too.")
    return row
