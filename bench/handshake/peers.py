#!/usr/bin/env python3
"""What a full handshake costs a server, in CPU: muster front, nginx and hitch, with a staple and without.

usage: bench/handshake/peers.py BUILD_DIR [--rounds 5] [--handshakes 1500]

The same P-256 certificate and staple, one worker on the first core; clients (libssl in Python) on the others. Servers take turns within each round. A
client offers no session, servers give no tickets where they can be told so. Each handshake is followed by the end of the connection; front and hitch
have opened one to the server behind them by then, nginx has not.
"""
import argparse
import multiprocessing
import os
import pathlib
import socket
import statistics
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "stapling"))
import authority as ca  # noqa: E402
import contenders  # noqa: E402
import handshake  # noqa: E402
import machine  # noqa: E402
from kit import process  # noqa: E402


class Behind:
    """What stands behind front and hitch: takes each connection and ends it."""

    def __init__(self):
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            self._listening.accept()[0].close()


def pin(command):
    return machine.pinned(0, *command)


class Server:
    def __init__(self, name, port, command):
        self.name, self.port = name, port
        self.daemon = process.Daemon(*pin(command))
        self.daemon.wait_for_port(port)


def _shake(port, count, with_staple, version, core):
    os.sched_setaffinity(0, {core})
    wanted = 0
    for _ in range(count):
        staple, _ = handshake.shake_hands(port, version=version)
        wanted += (staple is not None) == with_staple
    return wanted


def front(muster, place, certificate, behind, staple):
    port = process.free_port()
    keep = f'shelf = "{place / "shelf"}"\nkeep = true' if staple else ""
    if not staple:  # a certificate that names no responder has none
        certificate = place / "plain"
    config = place / f"front-{bool(staple)}.toml"
    config.write_text(f"""
[front]
listen = ["127.0.0.1:{port}"]
upstream = "127.0.0.1:{behind.port}"
loops = 1
{keep}
[[front.certificate]]
certificate = "{certificate}.chain.pem"
key = "{certificate}.key"
""")
    return Server("muster front", port, [muster, "front", "--config", config])


def nginx(place, certificate, staple):
    port = process.free_port()
    home = place / f"nginx-{bool(staple)}"
    home.mkdir()
    temp = "\n".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    stapling = f"ssl_stapling on; ssl_stapling_file {staple};" if staple else ""
    (home / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {home}/pid; error_log stderr;
events {{ worker_connections 1024; }}
http {{
access_log off; {temp}
server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}.chain.pem; ssl_certificate_key {certificate}.key;
ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off; ssl_session_cache off; {stapling} }}
}}
""")
    return Server("nginx", port, ["nginx", "-e", "stderr", "-c", home / "nginx.conf"])


def hitch(place, certificate, behind, staple):
    port = process.free_port()
    config = place / f"hitch-{bool(staple)}.conf"
    response = f'ocsp-resp-file = "{staple}"' if staple else ""
    user = 'user = "nobody"\ngroup = "nogroup"\n' if os.getuid() == 0 else ""
    config.write_text(f"""frontend = "[127.0.0.1]:{port}"
backend = "[127.0.0.1]:{behind.port}"
{user}daemon = off
workers = 1
log-level = 0
ocsp-dir = ""
tls-protos = TLSv1.2 TLSv1.3
pem-file = {{
  cert = "{certificate}.both.pem"
  {response}
}}
""")
    return Server("hitch", port, ["hitch", "--config", config])


def cpu(server):
    return machine.cpu_seconds(server.daemon.pid)


def measure(server, count, with_staple, version, pool, cores):
    before = cpu(server)
    each = count // len(cores)
    right = sum(pool.starmap(_shake, [(server.port, each, with_staple, version, core) for core in cores]))
    if right != each * len(cores):
        raise process.Failed(f"{server.name}: {right} of {each * len(cores)} handshakes were as they must be")
    return (cpu(server) - before) / (each * len(cores)) * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--handshakes", type=int, default=1500, help="a sample (1500)")
    a = parser.parse_args()
    muster = a.build / "apps/muster/muster"
    cores = sorted(os.sched_getaffinity(0))[1:] or [0]
    with tempfile.TemporaryDirectory(prefix="muster-handshake-") as name, multiprocessing.get_context("fork").Pool(len(cores)) as pool:
        place = pathlib.Path(name)
        place.chmod(0o755)
        authority = ca.Authority(place, validity=86400)
        authority.issue("site")
        authority.ca.ocsp_url = None
        authority.issue("plain")
        for file in place.glob("*.key"):
            file.chmod(0o644)
        staple = place / "site.ocsp"
        staple.write_bytes(authority.answer(authority.ca.id("site")))
        behind = Behind()
        servers = {}
        for with_staple in (True, False):
            file = staple if with_staple else None
            servers[with_staple] = [front(muster, place, place / "site", behind, file)]
            if process.find("nginx"):
                servers[with_staple].append(nginx(place, place / "site", file))
            if process.find("hitch"):
                servers[with_staple].append(hitch(place, place / "site", behind, file))
        samples = {}
        try:
            for number in range(a.rounds + 1):
                for version in ("1.2", "1.3"):
                    for with_staple, row in servers.items():
                        for server in row:
                            figure = measure(server, a.handshakes, with_staple, version, pool, cores)
                            if number > 0:  # the first round warms up
                                samples.setdefault((version, server.name, with_staple), []).append(figure)
        finally:
            for row in servers.values():
                process.stop_all([server.daemon for server in row])
            authority.stop()
    print(f"# CPU of a full handshake at the server, P-256, {a.rounds} rounds of {a.handshakes}, microseconds: medians (least-most)")
    median = {key: statistics.median(values) for key, values in samples.items()}
    for version in ("1.2", "1.3"):
        for server in servers[True]:
            cells = []
            for with_staple in (True, False):
                values = samples[version, server.name, with_staple]
                cells.append(f"{'with' if with_staple else 'without'} staple {median[version, server.name, with_staple]:6.1f} "
                             f"({min(values):.1f}-{max(values):.1f})")
            ratio = median[version, server.name, False] / median[version, server.name, True]
            print(f"TLS {version} {server.name:13} {'   '.join(cells)}   without / with {ratio:.3f}")
        for server in servers[True][1:]:
            print(f"TLS {version} {server.name} / muster front, with staple: {median[version, server.name, True] / median[version, 'muster front', True]:.3f}")


if __name__ == "__main__":
    main()
