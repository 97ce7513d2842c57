#!/usr/bin/env python3
"""Makes the report on what a full handshake costs a server, in CPU: muster front, nginx and hitch, with a staple and without.

usage: bench/handshake/run.py [--short] BUILD_DIR; --help tells the rest. docs/reports/README.md says how to read it.

The same P-256 certificate and staple, one worker on the first core; clients (libssl in Python) on the others. A client offers no session. Each
handshake is followed by the end of the connection. Everything runs on loopback, in a temporary directory, and ends with this script.
"""
import argparse
import multiprocessing
import os
import pathlib
import socket
import tempfile
import threading

import paths  # noqa: F401
import authority as ca
import handshake
import machine
import report
from figures import Goal, Row
from kit import process

STREAM = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")
VERSIONS = ("1.2", "1.3")
LAYOUT = ("The server has the first core, clients the others; servers take turns, each round begun by another. A ratio of the goals is the median of those of each round, in which both had the machine "
          "as it was just then; behind it, in brackets, the middle 95 % of what as many rounds, drawn at random from these, would have given (bootstrap). A goal is met when the ratio itself reaches it; of a goal within the brackets noise decides.")
WITHOUT = ", no staple"
WAITING = ", opened with the first octets"
COST = "CPU us"
NOTE = ("A full handshake and the end of the connection. Front, hitch and nginx stream open a connection to what stands behind them when the handshake is over; nginx (http) "
        "would when a request came, and so would 'front, opened with the first octets' (`connect = \"with-first-octets\"`): here none comes. Each is compared with "
        "its like: what a connection behind costs is no merit of nginx's handshake. All give session tickets, as they do unless told otherwise. nginx stream staples from 1.27.2 on only.")


class Behind:
    """What stands behind them: takes each connection and ends it. `taken`: how many."""

    def __init__(self):
        self.taken = 0
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            self._listening.accept()[0].close()
            self.taken += 1


class Place:
    """A directory with a certificate `site` and its staple, one without a responder (`plain`), and what stands behind the servers."""

    def __init__(self, directory, muster):
        self.directory, self.muster = directory, muster
        directory.chmod(0o755)  # hitch becomes nobody
        self.authority = ca.Authority(directory, validity=86400)
        self.authority.issue("site")
        self.authority.ca.ocsp_url = None
        self.authority.issue("plain")
        for file in directory.glob("*.key"):
            file.chmod(0o644)
        self.staple = directory / "site.ocsp"
        self.staple.write_bytes(self.authority.answer(self.authority.ca.id("site")))
        self.behind = Behind().port

    def path(self, name):
        return self.directory / name


class Server:
    """`untouched`: what stands behind it and must not be reached by a handshake."""

    def __init__(self, port, command, has_staple, untouched=None):
        self.port, self.has_staple, self.untouched = port, has_staple, untouched
        self.daemon = process.Daemon(*machine.pinned(machine.SERVER_CORE, *command))
        self.daemon.wait_for_port(port)


def front(place, has_staple, connect="at-once", untouched=None):
    port = process.free_port()
    keep = f'shelf = "{place.path(f"shelf-{connect}")}"\nkeep = true' if has_staple else ""
    certificate = place.path("site" if has_staple else "plain")
    config = place.path(f"front-{connect}-{has_staple}.toml")
    config.write_text(f"""
[front]
listen = ["127.0.0.1:{port}"]
upstream = "127.0.0.1:{untouched.port if untouched else place.behind}"
connect = "{connect}"
loops = 1
{keep}
[[front.certificate]]
certificate = "{certificate}.chain.pem"
key = "{certificate}.key"
""")
    return Server(port, [place.muster, "front", "--config", config], has_staple, untouched)


def waiting_front(place, has_staple):
    return front(place, has_staple, "with-first-octets", Behind())


def _nginx(place, name, body, has_staple, modules=""):
    home = place.path(name)
    home.mkdir()
    port = process.free_port()
    temp = "\n".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    certificate = place.path("site")
    tls = (f"listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}.chain.pem; ssl_certificate_key {certificate}.key; "
           "ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache off;")
    (home / "nginx.conf").write_text(f"{modules}\ndaemon off; master_process off; pid {home}/pid; error_log stderr;\n"
                                     "events { worker_connections 1024; }\n" + body.format(tls=tls, temp=temp))
    return Server(port, ["nginx", "-e", "stderr", "-c", home / "nginx.conf"], has_staple)


def nginx(place, has_staple):
    stapling = f"ssl_stapling on; ssl_stapling_file {place.staple};" if has_staple else ""
    return _nginx(place, f"nginx-{has_staple}", "http {{ access_log off; {temp} server {{ {tls} " + stapling + " }} }}", has_staple)


def nginx_stream(place, has_staple):
    return _nginx(place, "nginx-stream", "stream {{ server {{ {tls} " + f"proxy_pass 127.0.0.1:{place.behind};" + " }} }}", has_staple,
                  modules=f"load_module {STREAM};")


def hitch(place, has_staple):
    port = process.free_port()
    config = place.path(f"hitch-{has_staple}.conf")
    response = f'ocsp-resp-file = "{place.staple}"' if has_staple else ""
    user = 'user = "nobody"\ngroup = "nogroup"\n' if os.getuid() == 0 else ""
    config.write_text(f"""frontend = "[127.0.0.1]:{port}"
backend = "[127.0.0.1]:{place.behind}"
{user}daemon = off
workers = 1
log-level = 0
ocsp-dir = ""
tls-protos = TLSv1.2 TLSv1.3
pem-file = {{
  cert = "{place.path("site.both.pem")}"
  {response}
}}
""")
    return Server(port, ["hitch", "--config", config], has_staple)


def started(place):
    """name -> server, for all that are installed; and the names of those that are not."""
    both, staple, none = (True, False), (True,), (False,)
    makers = {"front": (front, True, both), "front" + WAITING: (waiting_front, True, staple), "nginx": (nginx, process.find("nginx"), both),
              "hitch": (hitch, process.find("hitch"), both), "nginx stream": (nginx_stream, process.find("nginx") and STREAM.exists(), none)}
    servers, missing = {}, [name for name, (_, is_there, _) in makers.items() if not is_there]
    try:
        for name, (make, is_there, kinds) in makers.items():
            for has_staple in kinds if is_there else ():
                servers[name + ("" if has_staple else WITHOUT)] = make(place, has_staple)
    except BaseException:
        stop(servers)
        raise
    return servers, missing


def stop(servers):
    process.stop_all([server.daemon for server in servers.values()])


def _shake(port, count, has_staple, version, core):
    os.sched_setaffinity(0, {core})
    return sum((handshake.shake_hands(port, version=version)[0] is not None) == has_staple for _ in range(count))


def sample(name, server, count, version, pool, cores):
    before = machine.cpu_seconds(server.daemon.pid)
    each = max(1, count // len(cores))
    right = sum(pool.starmap(_shake, [(server.port, each, server.has_staple, version, core) for core in cores]))
    if right != each * len(cores):
        raise process.Failed(f"{name}: {right} of {each * len(cores)} handshakes had the staple that they should have")
    if server.untouched and server.untouched.taken:
        raise process.Failed(f"{name}: {server.untouched.taken} connections were opened behind it, where nobody had said a word")
    return {COST: (machine.cpu_seconds(server.daemon.pid) - before) / (each * len(cores)) * 1e6}


def turned(contenders, number):
    """Each is the first of a round as often as any other."""
    first = number % len(contenders)
    return contenders[first:] + contenders[:first]


def goals(row, judged):
    def goal(what, bound, above, below):
        row.goals.append(Goal(what, bound, row.paired_ratio(COST, above, below), judged=judged, why="not installed", interval=row.ratio_interval(COST, above, below)))

    goal("handshakes/s of the front with a staple / without", 0.97, "front" + WITHOUT, "front")
    goal("handshakes/s of the front / hitch, with a staple", 1.0, "hitch", "front")
    goal("handshakes/s of the front / nginx stream, no staple", 1.0, "nginx stream" + WITHOUT, "front" + WITHOUT)
    goal("handshakes/s of the front / nginx, both without a connection behind, with a staple", 1.0, "nginx", "front" + WAITING)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--short", action="store_true", help="correctness only, a few handshakes")
    parser.add_argument("--rounds", type=int, default=None, help="samples of each figure (60; short: 1)")
    parser.add_argument("--handshakes", type=int, default=None, help="a sample (150; short: 4)")
    parser.add_argument("--out", type=pathlib.Path, default=None, help="directory of the report (docs/reports; short: none is kept)")
    a = parser.parse_args()
    a.rounds = a.rounds or (1 if a.short else 60)
    a.handshakes = a.handshakes or (4 if a.short else 150)
    return a


def main():
    a = arguments()
    machine.clean_up_on_signals()
    quiet = machine.Quiet()
    date = report.now()
    cores = sorted(os.sched_getaffinity(0))[1:] or [0]
    rows = [Row(f"tls-{version}", f"TLS {version}, P-256, a full handshake", charts=(COST,), notes=[NOTE]) for version in VERSIONS]
    muster = a.build / "apps/muster/muster"
    with tempfile.TemporaryDirectory(prefix="muster-handshake-") as name, multiprocessing.get_context("fork").Pool(len(cores)) as pool:
        place = Place(pathlib.Path(name), muster)
        servers, missing = started(place)
        try:
            for number in range(a.rounds + 1):
                for row, version in zip(rows, VERSIONS):
                    for name_, server in turned(list(servers.items()), number):
                        figure = sample(name_, server, a.handshakes, version, pool, cores)
                        if number > 0:  # the first round warms up
                            row.add(name_, figure)
        finally:
            stop(servers)
            place.authority.stop()
        for row in rows:
            goals(row, judged=not a.short)
            row.notes += [f"left out: {peer} is not installed" for peer in missing]
            print(report.plain(row), flush=True)
        pool.close()
        pool.join()  # what its processes used counts as ours from now on
        facts = machine.facts(muster)
        kept = {key: facts[key] for key in ("CPU", "Memory", "Kernel", "System", "C library", "OpenSSL", "muster", "nginx", "Compiler", "Flags") if key in facts}
        others = quiet.others()
        out = a.out or (place.path("report") if a.short else report.REPORTS)
        path = report.write(out, rows, kept, started=quiet.load_at_start, others=others, trusted=others < quiet.LIMIT and len(cores) > 0, date=date,
                            how=f"{a.rounds} samples of {a.handshakes} handshakes for each figure.", repeat=report.repeat_command("handshake", a.build),
                            name="handshake", title="A handshake, measured", layout=LAYOUT,
                            notes_file=pathlib.Path(__file__).with_name("notes.md"))
        print(f"report: {path}" if a.out or not a.short else f"report: {path.stat().st_size} octets, not kept", f"; goals: {report.counts(rows)}", sep="")
        report.end_by(rows, a.short)


if __name__ == "__main__":
    main()
