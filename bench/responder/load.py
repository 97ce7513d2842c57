"""Load on servers, from the load core: by wrk where that is installed and the request is always the same, else by our own generator."""
import dataclasses
import json
import pathlib
import re
import subprocess

import kit_path  # noqa: F401
import machine
from kit import ocsp, process

CONNECTIONS = 64
PIPELINE = 16


@dataclasses.dataclass
class Pattern:
    """What is asked how."""
    method: str = "get"
    pipeline: int = 1
    close: bool = False
    nonce: bool = False
    serials: int = 1
    hot: int = 0
    sequential: bool = False
    connections: int = CONNECTIONS
    beside: int = 0       # one in so many asks for the answer without nonce, and is told apart


@dataclasses.dataclass
class How:
    """How long, and by whom."""
    seconds: float = 3.0
    requests: int = 0     # 0: as many as go into the time
    wrk: bool = True
    record: str = None    # our own generator: file for requests and answers
    rest: float = 0.0     # our own generator: seconds until a client that was told 503 comes back
    calm: bool = False    # sleeps between requests: up to a millisecond late, and next to no CPU time
    core: int = machine.LOAD_CORE

    @property
    def deadline(self):
        return self.seconds + 120.0


def command(data, server, pattern, how, rate=0):
    """Our generator's command line."""
    words = [data.build / "bench/load/muster_bench_load", "--address", server.address, "--pattern",
             data.path("nonce.der" if pattern.nonce else "plain.der"), "--method", pattern.method, "--connections", pattern.connections,
             "--seconds", how.seconds, "--expect", server.expect,
             "--patience", 30]
    words += ["--pipeline", pattern.pipeline] if pattern.pipeline > 1 else []
    words += ["--close"] if pattern.close else []
    words += ["--serials", pattern.serials, "--hot", pattern.hot] if pattern.serials > 1 else []
    words += ["--beside", data.path("plain.der"), "--one-in", pattern.beside] if pattern.beside else []
    words += ["--order", "sequential"] if pattern.sequential else []
    words += ["--rate", f"{rate:.3f}"] if rate else []
    words += ["--requests", how.requests] if how.requests else []
    words += ["--record", how.record] if how.record else []
    words += ["--calm"] if how.calm else []
    words += ["--rest", how.rest] if how.rest else []
    return machine.pinned(how.core, *words)


def sample_of(text):
    """What our generator told, in the report's measures."""
    told = json.loads(text)
    latency, errors = told["latency_us"], told["errors"]
    more = {"refused": errors.get("shed")} if errors.get("shed") else {}
    for name, count, key in (("refusals", errors.get("shed", 0), "shed_latency_us"), ("beside", told.get("beside", 0), "beside_latency_us")):
        more |= {f"p99 us of {name}": told[key]["p99"]} if count else {}
    if told["own_delay_us"]["p99"]:
        more["p99 us of the load itself"] = told["own_delay_us"]["p99"]
    kinds = {f"errors ({kind})": count for kind, count in errors.items() if count}
    return {"requests/s": told["rate"], "p50 us": latency["p50"], "p99 us": latency["p99"], "p99.9 us": latency["p999"],
            "errors": sum(errors.values()), **kinds, **more, "answered": told["answered"], "octets": told["body_octets"],
            "load CPU": told["own_cpu_seconds"] / told["seconds"] if told["seconds"] else None}


def own(data, server, pattern, how, rate=0):
    before = machine.cpu_seconds(server.pid)
    done = process.must(*command(data, server, pattern, how, rate), deadline=how.deadline)
    used = machine.cpu_seconds(server.pid) - before
    sample = sample_of(done.out)
    if sample["answered"]:
        sample["CPU us"] = used / sample["answered"] * 1e6
    return sample


def lua(data, pattern):
    request = pathlib.Path(data.path("plain.der")).read_bytes()
    lines = ['wrk.headers["Host"] = "ocsp.example"', f'wrk.path = "/{ocsp.get_tail(request)}"']
    if pattern.method == "post":
        lines += ['wrk.method = "POST"', 'wrk.path = "/"', f'wrk.body = "{"".join(f"{chr(92)}{octet:03d}" for octet in request)}"',
                  'wrk.headers["Content-Type"] = "application/ocsp-request"']
    if pattern.close:
        lines += ['wrk.headers["Connection"] = "close"']
    if pattern.pipeline > 1:
        lines += ["local all", f"init = function() all = string.rep(wrk.format(), {pattern.pipeline}) end",
                  "request = function() return all end"]
    return "\n".join(lines) + "\n"


def by_wrk(data, server, pattern, how):
    script = pathlib.Path(data.path("pattern.lua"))
    script.write_text(lua(data, pattern))
    before = machine.cpu_seconds(server.pid)
    text = process.must(*machine.pinned(machine.LOAD_CORE, process.find("wrk"), "-t1", f"-c{pattern.connections}",
                                        f"-d{max(1, round(how.seconds))}s", "-s", script, f"http://{server.address}/"),
                        deadline=how.deadline).out
    used = machine.cpu_seconds(server.pid) - before
    return wrk_sample(text, used)


def wrk_sample(text, used):
    requests = int(re.search(r"(\d+) requests in", text)[1])
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    errors = (int(bad[1]) if bad else 0) + (sum(map(int, broken.groups())) if broken else 0)
    return {"requests/s": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), "errors": errors, "answered": requests,
            "CPU us": used / requests * 1e6 if requests else None}


def told(pattern, how):
    """The command of run() in short, for the report."""
    more = "".join(f" --{word}" for word, wanted in (("close", pattern.close), (f"pipeline {pattern.pipeline}", pattern.pipeline > 1)) if wanted)
    if how.wrk and process.find("wrk"):
        return f"wrk -t1 -c{pattern.connections} -d{max(1, round(how.seconds))}s, Lua: {pattern.method.upper()}{more.replace('--', '')}"
    return f"muster_bench_load --method {pattern.method} --connections {pattern.connections}{more}"


def run(data, server, pattern, how):
    """One sample. Many different requests are beyond wrk: its Lua would cost more than the answers."""
    if how.wrk and server.wrk and not how.record and pattern.serials == 1 and not pattern.nonce and process.find("wrk"):
        return by_wrk(data, server, pattern, how)
    return own(data, server, pattern, how)


class Generator:
    """Our generator in the background."""

    def __init__(self, words):
        self._process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)

    def stop(self):
        """Ends it early; its sample."""
        self._process.terminate()
        return self.wait(120)

    def wait(self, deadline):
        try:
            out, _ = self._process.communicate(timeout=deadline)
        except subprocess.TimeoutExpired as late:
            self._process.kill()
            self._process.communicate()
            raise process.Failed("the load generator did not end") from late
        if self._process.returncode != 0:
            raise process.Failed(f"the load generator: exit {self._process.returncode}")
        return sample_of(out)


class Background(Generator):
    """At a constant rate until it is told to stop."""

    def __init__(self, data, server, pattern, rate, seconds=900, record=None):
        super().__init__(command(data, server, pattern, How(seconds=seconds, record=record), rate))
