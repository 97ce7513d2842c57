#!/usr/bin/env python3
"""Responder against nginx and openssl speed, in one run on one core. Prints ratios; look at those, not at the rates.

usage: bench/responder/run.py BUILD_DIR [--seconds N] [--rounds N]

Server on core 0, load (wrk) on core 1. Rounds alternate between the contenders; the figures are medians. CPU time per request is read
from /proc: it holds on a busy machine, the rates do not.
"""
import argparse
import base64
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

CONNECTIONS = 64
PIPELINE = 16


def sh(command, **more):
    return subprocess.run(command, shell=True, check=True, text=True, capture_output=True, **more).stdout


def make_pki(where):
    sh("""
set -e
for n in ca ocsp leaf; do openssl ecparam -name prime256v1 -genkey -noout -out $n.key; done
openssl req -x509 -new -key ca.key -subj '/CN=Bench CA' -days 365 -out ca.pem -addext keyUsage=critical,keyCertSign,cRLSign
printf 'extendedKeyUsage=OCSPSigning\\nkeyUsage=digitalSignature\\nnoCheck=yes\\n' > ocsp.ext
openssl req -new -key ocsp.key -subj '/CN=Bench OCSP' | openssl x509 -req -CA ca.pem -CAkey ca.key -set_serial 0x10 -days 90 -out ocsp.pem -extfile ocsp.ext
openssl req -new -key leaf.key -subj '/CN=leaf' | openssl x509 -req -CA ca.pem -CAkey ca.key -set_serial 0x7b3f5d2a90c14e66 -days 90 -out leaf.pem
printf 'V\\t350101000000Z\\t\\t7B3F5D2A90C14E66\\tunknown\\t/CN=leaf\\n' > index.txt
openssl ocsp -sha256 -issuer ca.pem -cert leaf.pem -no_nonce -reqout plain.der
openssl ocsp -sha256 -issuer ca.pem -cert leaf.pem -nonce -reqout nonce.der
""", cwd=where)


def cpu_seconds(pid):
    """User and system time of a process and its children that are alive."""
    total = 0
    pids = [pid] + [int(p) for p in sh(f"pgrep -P {pid} || true").split()]
    for p in pids:
        fields = pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


class Muster:
    name = "muster"

    def __init__(self, build, where):
        self.process = subprocess.Popen(
            ["taskset", "-c", "0", str(build / "apps/muster/muster"), "responder", "--loops", "1", "--listen", "127.0.0.1:0", "--ca",
             "ca.pem", "--index", "index.txt", "--signer", "ocsp.pem", "--key", "ocsp.key"],
            cwd=where, stdout=subprocess.PIPE, stderr=open(where / "muster.log", "w"), text=True)
        line = self.process.stdout.readline()
        match = re.match(r"listening on (\S+)", line)
        if not match:
            sys.exit(f"muster did not start: {(where / 'muster.log').read_text()}")
        self.address = match[1]
        self.pid = self.process.pid

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Nginx:
    name = "nginx"

    def __init__(self, where, head, body_bytes):
        port = sh("python3 -c 'import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); print(s.getsockname()[1])'").strip()
        self.address = f"127.0.0.1:{port}"
        fields = "".join(f"add_header {k} '{v}';" for k, v in head.items())
        (where / "nginx.conf").write_text(f"""
worker_processes 1; daemon off; pid {where}/nginx.pid; error_log {where}/nginx.log;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000000; server_tokens off; default_type application/ocsp-response;
client_body_temp_path {where}/t1; proxy_temp_path {where}/t2; fastcgi_temp_path {where}/t3; uwsgi_temp_path {where}/t4; scgi_temp_path {where}/t5;
server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ {fields} return 200 "{'x' * body_bytes}"; }} }} }}""")
        self.process = subprocess.Popen(["taskset", "-c", "0", "nginx", "-e", f"{where}/nginx.log", "-c", f"{where}/nginx.conf"])
        self.pid = self.process.pid
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://{self.address}/").read()
                return
            except OSError:
                time.sleep(0.02)
        sys.exit(f"nginx did not start: {(where / 'nginx.log').read_text()}")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def load(where, server, script, seconds):
    """(requests a second, server CPU microseconds a request)"""
    before = cpu_seconds(server.pid)
    out = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(where / script),
                          f"http://{server.address}/"], text=True, capture_output=True, check=True).stdout
    used = cpu_seconds(server.pid) - before
    requests = int(re.search(r"(\d+) requests in", out)[1])
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if bad or "Socket errors" in out:
        sys.exit(f"{server.name}, {script}: errors under load\n{out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), used / requests * 1e6


def write_scripts(where, target):
    octets = "".join(f"\\{b}" for b in (where / "plain.der").read_bytes())
    nonce = "".join(f"\\{b}" for b in (where / "nonce.der").read_bytes())
    (where / "get.lua").write_text(f'wrk.path = "{target}"\n')
    (where / "post.lua").write_text(f'wrk.method = "POST"\nwrk.body = "{octets}"\nwrk.headers["Content-Type"] = "application/ocsp-request"\n')
    (where / "sign.lua").write_text(f'wrk.method = "POST"\nwrk.body = "{nonce}"\nwrk.headers["Content-Type"] = "application/ocsp-request"\n')
    (where / "close.lua").write_text(f'wrk.path = "{target}"\nwrk.headers["Connection"] = "close"\n')
    (where / "pipeline.lua").write_text(
        f'local all\ninit = function() all = string.rep(wrk.format("GET", "{target}"), {PIPELINE}) end\nrequest = function() return all end\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args()
    for tool in ("nginx", "wrk", "taskset", "openssl"):
        if subprocess.run(["which", tool], capture_output=True).returncode != 0:
            sys.exit(f"{tool} is missing (Debian: nginx-light wrk util-linux openssl)")
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as name:
        where = pathlib.Path(name)
        where.chmod(0o755)
        make_pki(where)
        plain = (where / "plain.der").read_bytes()
        target = "/" + urllib.parse.quote(base64.b64encode(plain), safe="")
        write_scripts(where, target)
        muster = Muster(a.build, where)
        got = urllib.request.urlopen(f"http://{muster.address}{target}")
        body = got.read()
        post = urllib.request.urlopen(urllib.request.Request(f"http://{muster.address}/", data=plain)).read()
        if body != post or body[:1] != b"\x30":
            sys.exit("GET and POST do not give the same answer")
        head = {k: got.headers[k] for k in ("Last-Modified", "Expires", "ETag", "Cache-Control")}
        nginx = Nginx(where, head, len(body))
        print(f"answer of {len(body)} octets, {CONNECTIONS} connections, {a.rounds} rounds of {a.seconds} s; ratio above 1: muster is faster")
        print(f"{'':28}{'muster/s':>12}{'us CPU':>8}{'nginx/s':>12}{'us CPU':>8}{'rate':>8}{'CPU':>8}   aim")
        try:
            for label, script, aim in (("GET, keep-alive", "get.lua", "1.25"), ("POST, keep-alive", "post.lua", "1.25"),
                                       (f"GET, pipelined x{PIPELINE}", "pipeline.lua", "8"), ("GET, connection each", "close.lua", "1")):
                rounds = {muster: [], nginx: []}
                for _ in range(a.rounds):
                    for server in (muster, nginx):
                        rounds[server].append(load(where, server, script, a.seconds))
                m, n = ([statistics.median(r[i] for r in rounds[s]) for i in (0, 1)] for s in (muster, nginx))
                print(f"{label:28}{m[0]:12,.0f}{m[1]:8.2f}{n[0]:12,.0f}{n[1]:8.2f}{m[0] / n[0]:8.2f}{n[1] / m[1]:8.2f}   {aim}", flush=True)
            nginx.stop()
            signed, alone = [], []
            for _ in range(a.rounds):
                signed.append(load(where, muster, "sign.lua", a.seconds))
                out = subprocess.run(["taskset", "-c", "0", "openssl", "speed", "-mr", "-seconds", str(a.seconds), "ecdsap256"], text=True,
                                     capture_output=True, check=True).stdout
                # +F4:<index>:<bits>:<signatures a second>:<verifications a second>
                alone.append(1e6 / float(re.search(r"^\+F4:\d+:256:([\d.eE+-]+):", out, re.M)[1]))
            rate, cpu = (statistics.median(r[i] for r in signed) for i in (0, 1))
            one = statistics.median(alone)
            print(f"\nlive P-256 signing: {rate:,.0f}/s, {cpu:.2f} us CPU a request; openssl speed: {one:.2f} us a signature; "
                  f"ratio {one / cpu:.2f} (aim 0.78)")
        finally:
            muster.stop()
            if nginx.process.poll() is None:
                nginx.stop()


if __name__ == "__main__":
    main()
