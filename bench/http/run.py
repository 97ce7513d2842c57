#!/usr/bin/env python3
"""Our HTTP server against nginx, both answering the same number of octets from memory on one core.

usage: run.py BUILD_DIR [--rounds N] [--seconds N] [--body BYTES] [--out FILE]

Each round measures every pattern on every server before the next round begins, so that what else the machine does hits all
alike; medians and the spread (least to most) are printed, and the ratio of medians: above 1 we are faster, or use less CPU. Server on
CPU 0, wrk on CPU 1. On a busy machine trust the CPU column: the rates then say how much of a core was left.
"""
import argparse
import os
import pathlib
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PIPELINE = 16
CONNECTIONS = 64
PATTERNS = {
    "keep-alive GET": {},
    "keep-alive POST": {"post": True},
    f"pipelined {PIPELINE} deep": {"pipeline": PIPELINE},
    "new connection each": {"close": True},
}


def lua(pattern, body=83):
    """wrk's script for a pattern. A GET path as long as an OCSP request of 83 octets in base64."""
    lines = ['wrk.path = "/' + "M" + "A" * 111 + '"', 'wrk.headers["Host"] = "ocsp.example"']
    if pattern.get("post"):
        lines += ['wrk.method = "POST"', 'wrk.path = "/"', f'wrk.body = string.rep("0", {body})',
                  'wrk.headers["Content-Type"] = "application/ocsp-request"']
    if pattern.get("close"):
        lines += ['wrk.headers["Connection"] = "close"']
    if pattern.get("pipeline"):
        lines += ["local all", "init = function() local r = {}", f'  for i = 1, {pattern["pipeline"]} do r[i] = wrk.format() end',
                  "  all = table.concat(r) end", "request = function() return all end"]
    return "\n".join(lines) + "\n"


def pinned(cpu, command):
    return ["taskset", "-c", str(cpu), *command]


class Ours:
    name = "muster"

    def __init__(self, build, body, _):
        self.process = subprocess.Popen(pinned(0, [str(build / "bench/http/muster_bench_http"), str(body)]),
                                        stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[-1]

    def pid(self):
        return self.process.pid

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Nginx:
    name = "nginx"

    def __init__(self, _, body, directory):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        config = directory / "nginx.conf"
        temporary = " ".join(f"{kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config.write_text(f"""daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; {temporary}
  server {{ listen {self.address}; location / {{ default_type application/ocsp-response; return 200 "{'x' * body}"; }} }} }}
""")
        self.process = subprocess.Popen(pinned(0, [shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(directory), "-c", str(config)]))
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("nginx did not start: " + (directory / "error.log").read_text())

    def pid(self):  # of the worker: the master does nothing
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=True)
        return int(children.stdout.split()[0])

    def stop(self):
        self.process.terminate()
        self.process.wait()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(server, script, seconds):
    """(requests a second, server's CPU microseconds a request)"""
    before = cpu_seconds(server.pid())
    result = subprocess.run(pinned(1, ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), f"http://{server.address}"]),
                            capture_output=True, text=True, check=True)
    used = cpu_seconds(server.pid()) - before
    problems = re.search(r"Non-2xx.*|Socket errors: connect [1-9].*", result.stdout)
    if problems:
        raise RuntimeError(f"{server.name}: {problems[0]}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", result.stdout)[1])
    requests = int(re.search(r"(\d+) requests in", result.stdout)[1])
    return rate, used / requests * 1e6


def check_equal_bodies(servers, body):
    for server in servers:
        answer = subprocess.run(["curl", "--silent", f"http://{server.address}/x"], capture_output=True, text=True, check=True).stdout
        if answer != "x" * body:
            raise RuntimeError(f"{server.name} answers something else")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--body", type=int, default=480)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    lines = [f"# HTTP: {options.body} octets from memory, {CONNECTIONS} connections, server on one core, wrk on another",
             f"# {platform.platform()}, {os.cpu_count()} cores, {options.rounds} rounds of {options.seconds} s, medians (least-most)"]
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as name:
        directory = pathlib.Path(name)
        os.chmod(directory, 0o755)
        servers = [kind(options.build, options.body, directory) for kind in (Ours, Nginx)]
        try:
            check_equal_bodies(servers, options.body)
            figures = {}
            for _ in range(options.rounds):
                for title, pattern in PATTERNS.items():
                    script = directory / "pattern.lua"
                    script.write_text(lua(pattern))
                    for server in servers:
                        figures.setdefault((title, server.name), []).append(measure(server, script, options.seconds))
        finally:
            for server in servers:
                server.stop()
    lines.append(f"{'pattern':22} {'server':8} {'requests/s':>32} {'CPU us/request':>16}")
    for title in PATTERNS:
        for server in servers:
            rates, costs = zip(*figures[title, server.name])
            spread = f"{statistics.median(rates):,.0f} ({min(rates):,.0f}-{max(rates):,.0f})"
            lines.append(f"{title:22} {server.name:8} {spread:>32} {statistics.median(costs):>16.2f}")
        ours, theirs = ([statistics.median(column) for column in zip(*figures[title, server.name])] for server in servers)
        lines.append(f"{title:22} ratio    {ours[0] / theirs[0]:>32.2f} {theirs[1] / ours[1]:>16.2f}")
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
