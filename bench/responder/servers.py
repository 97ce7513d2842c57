"""Who is measured: muster, its peers, and servers that do nothing else. Each on the server's core, gone when we are."""
import base64
import http.client
import json
import pathlib
import socket

import kit_path  # noqa: F401
import machine
from kit import http_client, ocsp, process


# Lines for a responder that must answer all: 64 who ask wait for 38 ms of RSA signatures.
PATIENT = 'signing_wait = "10s"\nsigning_wait_busy = "10s"'


class Server:
    """A child that listens at `address`."""
    expect = "ocsp"
    wrk = True  # whether wrk can ask it

    def __init__(self, name, daemon, port):
        self.name, self.daemon, self.address = name, daemon, f"127.0.0.1:{port}"
        self.where = ("127.0.0.1", int(port))

    @property
    def pid(self):
        return self.daemon.pid

    def get(self, request):
        return http_client.get(self.where, "/" + ocsp.get_tail(request))

    def post(self, request):
        return http_client.post(self.where, request)

    def stop(self):
        self.daemon.stop()


class Muster(Server):
    """`issuer`: the lines of its [[responder.issuer]]; `more`: those of other sections. One loop has the server's core; several have any."""

    def __init__(self, data, name, issuer, responder="", more="", loops=1):
        config = pathlib.Path(data.path(f"{name}.toml"))
        config.write_text(f"""[responder]
listen = "127.0.0.1:0"
loops = {loops}
{responder}
{more}
[[responder.issuer]]
label = "big"
ca = "{data.path('ca.pem')}"
{issuer}
""")
        self.config = config
        core = machine.SERVER_CORE if loops == 1 else None
        daemon = process.Daemon(*machine.pinned(core, data.muster, "responder", "--config", config), cwd=data.dir)
        try:
            port = daemon.wait_for(r"^listening on 127\.0\.0\.1:(\d+)$", deadline=600)[1]
        except process.Failed:
            daemon.stop()
            raise
        super().__init__("muster", daemon, port)


def signer(data, kind="P-256"):
    return f'signer = "{data.path(f"signer-{kind}.pem")}"\nkey = "{data.path(f"signer-{kind}.key")}"'


def muster_of_store(data, name, count, responder="", more="", kind="P-256"):
    return Muster(data, name, signer(data, kind), f'store = "{data.store(count)}"\n{responder}', more)


class UnixConnection(http.client.HTTPConnection):
    """The control API of a responder, by its socket's path."""

    def __init__(self, path):
        super().__init__("localhost", timeout=600)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def ask(self, method, path, value=None):
        self.request(method, path, None if value is None else json.dumps(value))
        answer = self.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise process.Failed(f"{method} {path}: HTTP {answer.status} {text[:300]}")
        return text


class Bare(Server):
    """The limit: finds the end of the request, sends one and the same answer."""

    def __init__(self, data, raw):
        path = pathlib.Path(data.path("bare.http"))
        path.write_bytes(raw)
        daemon = process.Daemon(*machine.pinned(machine.SERVER_CORE, data.build / "bench/bare/muster_bench_bare", path))
        super().__init__("bare epoll", daemon, daemon.wait_for(r"^listening on 127\.0\.0\.1:(\d+)$")[1])


class Nginx(Server):
    """`return 200` with as many octets and the same headers."""
    expect = "http"

    def __init__(self, data, answer):
        program = process.find("nginx")
        if not program:
            raise LookupError("nginx is not installed")
        port, here = process.free_port(), data.dir / "nginx"
        here.mkdir(exist_ok=True)
        fields = "".join(f"add_header {name} '{answer.header(name)}';" for name in ("Last-Modified", "Expires", "ETag", "Cache-Control")
                         if answer.header(name))
        temporary = " ".join(f"{kind}_temp_path {here}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (here / "nginx.conf").write_text(f"""daemon off; worker_processes 1; pid {here}/nginx.pid; error_log {here}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; server_tokens off; {temporary}
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ default_type application/ocsp-response; {fields}
    return 200 "{'x' * len(answer.body)}"; }} }} }}
""")
        daemon = process.Daemon(*machine.pinned(machine.SERVER_CORE, program, "-e", here / "error.log", "-p", here, "-c", here / "nginx.conf"))
        daemon.wait_for_port(port)
        super().__init__("nginx return", daemon, port)


class Cfssl(Server):
    """Prepared answers from a file. Given ours, since it makes none for keys it does not hold."""

    def __init__(self, data, answer):
        program = process.find("cfssl")
        if not program:
            raise LookupError("cfssl (Debian: golang-cfssl) is not installed")
        path, port = pathlib.Path(data.path("cfssl.txt")), process.free_port()
        path.write_text(base64.b64encode(answer.body).decode() + "\n")
        daemon = process.Daemon(*machine.pinned(machine.SERVER_CORE, program, "ocspserve", "-address", "127.0.0.1", "-port", port,
                                                "-responses", path, "-loglevel", "4"), env={"GOMAXPROCS": "1"})
        daemon.wait_for_port(port)
        super().__init__("cfssl ocspserve", daemon, port)


class Openssl(Server):
    """`openssl ocsp -port`: every answer signed, one connection after another, closed behind each. It listens on every address:
    it cannot be told otherwise."""
    wrk = False  # it gets no answer out of wrk's connections, which are opened all at once

    def __init__(self, data):
        port = process.free_port()
        daemon = process.Daemon(*machine.pinned(machine.SERVER_CORE, process.find("openssl"), "ocsp", "-port", port, "-index",
                                                data.index(1), "-CA", data.path("ca.pem"), "-rsigner", data.path("signer-P-256.pem"),
                                                "-rkey", data.path("signer-P-256.key"), "-ndays", "7", "-ignore_err"))
        super().__init__("openssl ocsp", daemon, port)
        try:
            daemon.wait_for(r"waiting for OCSP client connections")
        except process.Failed:
            daemon.stop()
            raise
