"""Answers signed live, beside what `openssl speed` signs on the same core."""
import re

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
        muster = servers.Muster(data, f"live-{kind}", servers.signer(data, kind) + f'\nindex = "{data.index(1)}"', "ready_answers = 0")
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
    yield Row("presign", "Signing a whole issuer ahead, in bulk", "",
              goals=[Goal("signatures/s, all cores / openssl speed", 0.92, why="not built yet")])
