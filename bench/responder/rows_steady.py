"""Latency at a constant rate, undisturbed and while things change."""
import os
import pathlib
import pwd
import time

import checks
import kit_path  # noqa: F401
import load
import machine
import serials
import servers
from figures import Goal, Row, interleaved
from kit import http_client, ocsp, process

SHARE = 0.7
SHORT_RATE = 300.0


def capacity(plan, server, pattern):
    """Closed loop, by the generator that is used afterwards."""
    if plan.short:
        return SHORT_RATE / SHARE
    samples = sorted(load.own(plan.data, server, pattern, load.How(plan.seconds))["requests/s"] for _ in range(3))
    return samples[1]


def steady(plan, server, pattern, rate):
    record = plan.data.path("record") if plan.short and server.expect == "ocsp" else None
    how = load.How(1.0 if plan.short else 2 * plan.seconds, wrk=False, record=record)
    sample = load.own(plan.data, server, pattern, how, rate)
    if record:
        plan.checked += checks.check_record(plan.data, record, checks.expected_states(plan.count))
    return sample


def beside_nginx(plan):
    data = plan.data
    row = Row("p99", "p99 at 70 % of capacity, constant rate, one certificate, GET", charts=("p99 us",))
    muster = servers.Muster(data, "steady-small", servers.signer(data) + f'\nindex = "{data.index(1)}"')
    started = [muster]
    try:
        answer = muster.get(data.request(0))
        try:
            started.append(servers.Nginx(data, answer))
        except LookupError as absent:
            row.notes.append(f"left out: {absent}")
        started.append(servers.Bare(data, answer.raw))
        rate = SHARE * capacity(plan, muster, load.Pattern())
        row.command = plan.cost(f"muster_bench_load --rate {rate:.0f} --connections 64")
        interleaved(row, {s.name: lambda s=s: steady(plan, s, load.Pattern(), rate) for s in started}, plan.rounds)
    finally:
        for server in started:
            server.stop()
    row.goals.append(plan.goal("p99, muster / nginx at the same rate", 1.2, row.ratio("p99 us", "muster", "nginx return"), at_least=False,
                               why="nginx is not installed"))
    row.goals.append(plan.no_errors(row, "muster"))
    return row


class Changing:
    """A responder over a large index.txt, with delegates from a directory and a control socket: all that can change under load."""

    def __init__(self, plan):
        self.plan, self.data = plan, plan.data
        self.index, self.delegates = self.data.path("changing.txt"), pathlib.Path(self.data.path("delegates"))
        self.control = self.data.path("admin.sock")
        self.revoked, self.rolled = 0, 0
        self.data.write_index(self.index, plan.count)
        self.delegates.mkdir()
        self._install("signer-P-256")
        self.issued = time.time()
        self.server = servers.Muster(
            self.data, "changing", f'signer_directory = "{self.delegates}"\nindex = "{self.index}"',
            f'check_interval = "1s"\nready_answers = {max(1024, 4 * plan.hot)}\n{servers.PATIENT if plan.short else ""}', f'[responder.admin]\nlisten = "unix:{self.control}"')

    def _install(self, name):
        for kind in ("key", "pem"):
            part = self.delegates / f"{name}.{kind}.part"
            part.write_bytes(pathlib.Path(self.data.path(f"{name}.{kind}")).read_bytes())
            part.rename(self.delegates / f"{name}.{kind}")

    def nothing(self):
        time.sleep(1.0 if self.plan.short else 2 * self.plan.seconds)  # the time is the measurement

    def reload(self):
        for _ in range(3):
            connection = servers.UnixConnection(self.control)
            connection.ask("POST", "/reload")
            connection.close()

    def prepare_swap(self):
        self.data.write_index(self.index + ".next", self.plan.count, "sorted", self.revoked + 1)

    def swap(self):
        """Until the answer about the one certificate that differs says so."""
        self.revoked += 1
        os.rename(self.index + ".next", self.index)
        request = self.data.request(self.revoked)
        process.until(lambda: ocsp.parse_response(self.server.post(request).body).word() == "revoked", "the new source counts", 900)

    def prepare_rollover(self):
        # The latest issued signs, to the second.
        process.until(lambda: time.time() > self.issued + 1.1, "another second")
        self.rolled += 1
        self.data.ca.issue(f"rolled-{self.rolled}", "signer")
        self.issued = time.time()

    def rollover(self):
        """Until an answer signed just now is the new delegate's."""
        name = f"rolled-{self.rolled}"
        self._install(name)
        certificate = ocsp.pem_to_der(pathlib.Path(self.data.path(f"{name}.pem")).read_text())
        request = pathlib.Path(self.data.path("nonce.der")).read_bytes()
        process.until(lambda: certificate in self.server.post(request).body, "the new delegate signs", 120)

    def states(self):
        return checks.expected_states(self.plan.count, self.revoked)

    def under_load(self, pattern, rate, change, prepare=None):
        """A sample taken while `change` happens, and how long that took."""
        if prepare:
            prepare()
        record = self.data.path("record") if self.plan.short else None
        load_on = load.Background(self.data, self.server, pattern, rate, record=record)
        try:
            time.sleep(0.5)  # of the measurement: before, during and after
            before = time.monotonic()
            change()
            took = time.monotonic() - before
            time.sleep(0.5)
        finally:
            sample = load_on.stop()
        if record:
            self.plan.checked += checks.check_record(self.data, record, self.states())
        return {**sample, "change took s": took}


def while_changing(plan):
    rounds = min(plan.rounds, 3)
    row = Row("p99-changing", f"p99 at 70 % of capacity while things change: source of {plan.count:,} certificates, 1 % remembered",
              charts=("p99 us",))
    world = Changing(plan)
    try:
        pattern = plan.spread(hot=plan.hot)
        plan.fill(world.server, plan.hot)
        plan.fill(world.server, plan.hot)
        rate = SHARE * capacity(plan, world.server, pattern)
        row.command = f"muster_bench_load --rate {rate:.0f} --serials {plan.count} --hot {plan.hot} ({rounds} rounds)"
        changes = {"undisturbed": (world.nothing, None), "three reloads": (world.reload, None),
                   "source swap": (world.swap, world.prepare_swap), "signer rollover": (world.rollover, world.prepare_rollover)}
        for _ in range(rounds):
            for name, (change, prepare) in changes.items():
                row.add(name, world.under_load(pattern, rate, change, prepare))
                plan.fill(world.server, plan.hot)  # each change begins where the one before began
    finally:
        world.server.stop()
    for name in list(changes)[1:]:
        row.goals.append(Goal(f"errors during {name}", 0, row.figures[name]["errors"].most, at_least=False))
        row.goals.append(plan.goal(f"p99 during {name} / undisturbed", 5.0, row.ratio("p99 us", name, "undisturbed"), at_least=False))
    row.notes.append("A source swap replaces index.txt by a later state of the whole CA (one more certificate is revoked) and lasts until an answer "
                     "says so; everything is on the server's one core. Requests that were due but could not be sent count as errors.")
    return row


def revocation(plan):
    """From the acknowledgement of the push API to the first answer that says revoked."""
    count = 20 if plan.short else 1000
    data, path = plan.data, plan.data.path("revocation")
    data.import_into(path, data.index(plan.count), plan.count)
    socket_path = data.path("push.sock")
    muster = servers.Muster(data, "push", servers.signer(data), f'store = "{path}"', f"""[responder.push]
listen = "unix:{socket_path}"
[[responder.push.client]]
name = "bench"
users = ["{pwd.getpwuid(os.getuid()).pw_name}"]
issuers = ["big"]""")
    row = Row("revocation", "Revocation acknowledged -> answer says revoked", f"{count} revocations one after another, idle node")
    samples = []
    try:
        connection = servers.UnixConnection(socket_path)
        chosen = [i for i in range(plan.count) if not serials.is_revoked(i)][:count] if plan.count < 10 * count else \
            [i * (plan.count // count) // 10 * 10 for i in range(count)]
        for index in chosen:
            request = data.request(index)
            if ocsp.parse_response(muster.post(request).body).word() != "good":
                raise process.Failed(f"certificate {index} is not good before it is revoked")
            connection.ask("POST", "/v1/issuers/big/revoke", {"serial": f"{serials.serial(index):X}", "reason": "keyCompromise"})
            start = time.monotonic()
            while ocsp.parse_response(http_client.post(muster.where, request).body).word() != "revoked":
                if time.monotonic() > start + process.DEADLINE:
                    raise process.Failed(f"certificate {index} is still not revoked")
            samples.append((time.monotonic() - start) * 1000)
        connection.close()
    finally:
        muster.stop()
    samples.sort()
    row.add("muster", {"p50 ms": samples[len(samples) // 2], "p99 ms": samples[len(samples) * 99 // 100], "most ms": samples[-1]})
    row.goals.append(plan.goal("p99", 20.0, row.median("muster", "p99 ms"), at_least=False, unit=" ms"))
    row.notes.append("The asking itself, a new connection each time and a client in Python, is part of the figure.")
    return row


def rows(plan):
    yield beside_nginx(plan)
    yield while_changing(plan)
    yield revocation(plan)
