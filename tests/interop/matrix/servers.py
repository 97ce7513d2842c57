"""TLS servers that staple, and TLS servers that check the certificates of their clients."""
import base64
import json
import os
import pathlib
import re
import socket

from bench import CASES, Skip, program
from kit import process
from row import Seen, agreed, logged, row
from tls_clients import Backend


def _staple(bench, port, case):
    """What `openssl s_client` finds stapled: good, revoked, unknown, or "no staple"."""
    done = process.run(program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-servername", bench.host(case), "-status",
                       "-CAfile", bench.path("root.pem"))
    if "Verify return code: 0" not in done.out:
        raise process.Failed(f"the handshake itself went wrong:\n{done}")
    match = re.search(r"Cert Status: (\w+)", done.out)
    return f"staples {match[1]}" if match else "no staple"


def _visit(bench, port, case):
    """The HTTP status of a visit with the client certificate of that case, or 0 when the handshake failed."""
    host = bench.host("good")
    done = process.run(program("curl"), "--silent", "--show-error", "--cacert", bench.path("root.pem"), "--cert",
                       bench.path(f"{case}.chain.pem"), "--key", bench.path(f"{case}.key"), "--write-out", "\n%{http_code}",
                       "--resolve", f"{host}:{port}:127.0.0.1", f"https://{host}:{port}/")
    if done.code not in (0, 52, 55, 56):  # refused by an alert: seen while receiving or sending
        raise process.Failed(str(done))
    return int(done.out.splitlines()[-1])


def _tail(path):
    """What a log file gains from now on, as a function."""
    path = pathlib.Path(path)
    start = path.stat().st_size if path.exists() else 0
    return lambda: path.read_bytes()[start:].decode("utf-8", "replace")


def _printed(daemon):
    """What a program prints from now on, as a function."""
    start = daemon.mark()
    return lambda: "\n".join(daemon.output().split("\n")[start:])


def _visits(bench, port, since, codes, rules):
    """{case: conclusion} of visits with each client certificate. `since()` begins to look at the server's log; `rules`: as logged()
    takes them, by what the visitor noticed."""
    said = {}
    for case in CASES:
        log = since()
        seen = codes.get(_visit(bench, port, case), "?")
        said[case] = agreed(seen, logged(log, {pattern.format(host=re.escape(bench.host(case)), case=case): word
                                               for pattern, word in rules.items()}))
    return said


def _version(*command):
    return re.search(r"(\d+\.\d+[\w.]*)", process.run(*command).text)[1]


# ---- nginx --------------------------------------------------------------------------------------------------------------


def _nginx(bench, servers):
    nginx, log = program("nginx"), bench.path("nginx.log")
    temp = "".join(f"{kind}_temp_path {bench.path('nginx-' + kind)};\n" for kind in
                   ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = bench.write("nginx.conf", f"""
daemon off;
master_process off;
pid {bench.path('nginx.pid')};
error_log {log} info;
events {{}}
http {{
access_log off;
{temp}
{servers}
}}""")
    daemon = bench.daemon(nginx, "-c", config, "-e", log)
    return daemon, pathlib.Path(log), _version(nginx, "-v")


@row("nginx-stapling", "nginx `ssl_stapling`, `ssl_stapling_verify`", "nginx-light", "staples good", "no staple", "no staple")
def nginx_stapling(bench):
    port = process.free_port()
    daemon, log, version = _nginx(bench, "".join(f"""
server {{
  listen 127.0.0.1:{port} ssl;
  server_name {bench.host(case)};
  ssl_certificate {bench.path(case)}.chain.pem;
  ssl_certificate_key {bench.path(case)}.key;
  ssl_stapling on;
  ssl_stapling_verify on;
  ssl_trusted_certificate {bench.path('chain.pem')};
}}""" for case in CASES))
    daemon.wait_for_port(port)
    said = {}
    for case in CASES:
        _staple(bench, port, case)  # nginx asks when the first handshake has come
        bench.wait_until_asked(case)
        if case == "good":
            process.until(lambda: _staple(bench, port, "good") != "no staple", "nginx staples")
        else:
            process.until(lambda due=f'certificate status "{case}"|OCSP response not successful': re.search(due, log.read_text()),
                          f"nginx says what it thinks of '{case}'")
        said[case] = _staple(bench, port, case)
    return Seen(version, said, "asks after the first handshake, which has no staple yet")


@row("nginx-clients", "nginx `ssl_ocsp` (client certificates)", "nginx-light", "let in", "kept out", "kept out")
def nginx_clients(bench):
    port = process.free_port()
    daemon, log, version = _nginx(bench, f"""
server {{
  listen 127.0.0.1:{port} ssl;
  ssl_certificate {bench.path('good')}.chain.pem;
  ssl_certificate_key {bench.path('good')}.key;
  ssl_verify_client on;
  ssl_verify_depth 3;
  ssl_client_certificate {bench.path('chain.pem')};
  ssl_ocsp on;
  location / {{ return 200 "hello"; }}
}}""")
    daemon.wait_for_port(port)
    said = {}
    for case in CASES:
        text = _tail(log)
        seen = {200: "let in", 400: "kept out"}.get(_visit(bench, port, case), "?")
        why = "certificate revoked" if case == "revoked" else "certificate status unknown"
        said[case] = seen if seen == "let in" else agreed(seen, logged(text, {
            f"client SSL certificate verify error: {why} ": "kept out",
            "OCSP response not successful \\(6: unauthorized\\)": "kept out: unauthorized"}))
    return Seen(version, said, "asks about the intermediate CA too")


# ---- Apache -------------------------------------------------------------------------------------------------------------


def _apache(bench, directives):
    apache, port = program("apache2", "httpd"), process.free_port()
    modules = pathlib.Path("/usr/lib/apache2/modules")
    if not (modules / "mod_ssl.so").exists():
        raise Skip("Apache's mod_ssl is not at /usr/lib/apache2/modules")
    user = "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""
    (bench.dir / "htdocs").mkdir()
    (bench.dir / "htdocs/index.html").write_text("hello\n")
    config = bench.write("apache.conf", f"""
ServerRoot {bench.dir}
ServerName localhost
PidFile {bench.path('apache.pid')}
ErrorLog {bench.path('apache.log')}
DefaultRuntimeDir {bench.dir}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule dir_module {modules}/mod_dir.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule socache_shmcb_module {modules}/mod_socache_shmcb.so
LoadModule ssl_module {modules}/mod_ssl.so
{user}
StartServers 1
ThreadsPerChild 4
MaxRequestWorkers 4
LogLevel info
Listen 127.0.0.1:{port}
DocumentRoot {bench.dir}/htdocs
<Directory {bench.dir}/htdocs>
Require all granted
</Directory>
{directives(port)}
""")
    bench.daemon(apache, "-f", config, "-D", "FOREGROUND").wait_for_port(port)
    return port, _version(apache, "-v")


@row("apache-stapling", "Apache `SSLUseStapling`", "apache2", "staples good", "staples revoked", "staples unknown")
def apache_stapling(bench):
    port, version = _apache(bench, lambda port: f"SSLStaplingCache shmcb:{bench.path('staples')}(128000)\n" + "".join(f"""
<VirtualHost 127.0.0.1:{port}>
ServerName {bench.host(case)}
SSLEngine on
SSLCertificateFile {bench.path(case)}.chain.pem
SSLCertificateKeyFile {bench.path(case)}.key
SSLUseStapling on
</VirtualHost>""" for case in CASES))
    return Seen(version, {case: _staple(bench, port, case) for case in CASES}, "asks inside the handshake")


@row("apache-clients", "Apache `SSLOCSPEnable` (client certificates)", "apache2", "let in", "kept out", "kept out")
def apache_clients(bench):
    port, version = _apache(bench, lambda port: f"""
<VirtualHost 127.0.0.1:{port}>
SSLEngine on
SSLCertificateFile {bench.path('good')}.chain.pem
SSLCertificateKeyFile {bench.path('good')}.key
SSLCACertificateFile {bench.path('chain.pem')}
SSLVerifyClient require
SSLVerifyDepth 3
SSLOCSPEnable on
</VirtualHost>""")
    said = _visits(bench, port, lambda: _tail(bench.path("apache.log")), {200: "let in", 0: "kept out", 403: "kept out"}, {
        "OCSP validation completed, certificate status: {case} .*CN={host} ": "kept out",
        "OCSP validation completed, certificate status: good .*CN={host} ": "let in",
        "signer certificate not found": "kept out: signer not found",
        "AH01924: Bad OCSP responder answer \\(bad nonce\\)": "kept out: no nonce",
        "OCSP response not successful: 6": "kept out: unauthorized"})
    return Seen(version, said, "asks about the intermediate CA too")


# ---- HAProxy ------------------------------------------------------------------------------------------------------------


def _haproxy(bench, bind, more=""):
    haproxy, port = program("haproxy"), process.free_port()
    config = bench.write("haproxy.cfg", f"""
global
  stats socket {bench.path('haproxy.sock')} level admin
  {more}
defaults
  mode http
  timeout connect 10s
  timeout client 10s
  timeout server 10s
frontend tls
  bind 127.0.0.1:{port} ssl {bind}
  http-request return status 200 content-type text/plain string hello
""")
    bench.daemon(haproxy, "-db", "-f", config).wait_for_port(port)
    return port, _version(haproxy, "-v")


def _haproxy_command(bench, text):
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(process.DEADLINE)
        control.connect(bench.path("haproxy.sock"))
        control.sendall(text.encode())
        control.shutdown(socket.SHUT_WR)
        reply = b""
        while part := control.recv(65536):
            reply += part
    return reply.decode().strip()


@row("haproxy-set", "HAProxy `set ssl ocsp-response`", "haproxy", "staples good", "staples revoked", "no staple")
def haproxy_set(bench):
    """Answers are fetched by openssl, handed to HAProxy over its socket, and looked for in a handshake."""
    certificates = bench.dir / "haproxy"
    certificates.mkdir()
    for case in CASES:
        (certificates / f"{case}.pem").write_text(bench.read(f"{case}.both.pem"))
        (certificates / f"{case}.pem.issuer").write_text(bench.read("ca.pem"))
        (certificates / f"{case}.pem.ocsp").touch()  # empty: may be filled later
    port, version = _haproxy(bench, f"crt {certificates}/")
    said = {}
    for case in CASES:
        process.must(program("openssl"), "ocsp", "-no_nonce", "-noverify", "-issuer", bench.path("ca.pem"), "-cert",
                     bench.path(f"{case}.pem"), "-url", bench.recorder.url, "-respout", bench.path("answer.der"))
        encoded = base64.b64encode((bench.dir / "answer.der").read_bytes()).decode()
        reply = _haproxy_command(bench, f"set ssl ocsp-response <<\n{encoded}\n\n")
        said[case] = _staple(bench, port, case)
        if ("updated" in reply) != (said[case] != "no staple"):
            said[case] += f"; HAProxy said: {reply}"
    return Seen(version, said, "asked by `openssl ocsp`; an `unknown` answer is refused at the socket")


@row("haproxy-update", "HAProxy `ocsp-update`", "haproxy (2.8 or later: Debian 13)", "staples good", "staples revoked", "no staple")
def haproxy_update(bench):
    version = _version(program("haproxy"), "-v")
    if tuple(map(int, version.split(".")[:2])) < (2, 8):
        raise Skip(f"HAProxy {version} has no ocsp-update yet")
    # It judges answers by the certificates of this very file: with a delegated signer they must reach up to the root.
    for case in CASES:
        bench.write(f"{case}.haproxy.pem", bench.read(f"{case}.both.pem") + bench.read("root.pem"))
    lines = "".join(f"{bench.path(case)}.haproxy.pem [ocsp-update on] {bench.host(case)}\n" for case in CASES)
    port, version = _haproxy(bench, f"crt-list {bench.write('crt-list', lines)}")

    def all_tried():  # columns: certid, path, next update, last update, successes, failures, ...
        lines = [line.split(" | ") for line in _haproxy_command(bench, "show ssl ocsp-updates\n").splitlines()[1:]]
        return len(lines) == len(CASES) and all(int(cells[4]) + int(cells[5]) > 0 for cells in lines)
    process.until(all_tried, "HAProxy has asked and judged about each certificate")
    return Seen(version, {case: _staple(bench, port, case) for case in CASES},
                "the `crt` file must hold the chain with its root when the signer is a delegate")


# ---- hitch and Caddy ----------------------------------------------------------------------------------------------------


@row("hitch", "hitch `ocsp-dir`", "hitch", "staples good", "no staple", "no staple")
def hitch(bench):
    tool, backend = program("hitch"), bench.add(Backend())
    staples = bench.dir / "hitch"
    staples.mkdir()
    staples.chmod(0o777)
    user = 'user = "nobody"\ngroup = "nogroup"\n' if os.getuid() == 0 else ""

    def start():
        port = process.free_port()
        return port, bench.daemon(tool, "--config", bench.write("hitch.conf", f"""
frontend = "[127.0.0.1]:{port}"
backend = "[127.0.0.1]:{backend.port}"
{user}daemon = off
workers = 1
log-level = 2
ocsp-dir = "{staples}"
""" + "".join(f'pem-file = "{bench.path(case)}.both.pem"\n' for case in CASES)))
    _, first = start()
    for word in ("Retrieved new staple for cert .*good", "revoked.both.pem has status revoked", "unknown.both.pem has status (unknown|unauthorized)"):
        first.wait_for(word)
    first.stop()  # a worker may miss a staple that comes while it starts; a second start finds it in the directory
    port, second = start()
    second.wait_for_port(port)
    return Seen(_version(tool, "--version"), {case: _staple(bench, port, case) for case in CASES})


@row("caddy", "Caddy (certificates from files)", "caddy", "staples good", "no staple", "no staple")
def caddy(bench):
    tool, port = program("caddy"), process.free_port()
    config = {"admin": {"disabled": True},
              "apps": {"tls": {"certificates": {"load_files": [{"certificate": bench.path(f"{case}.chain.pem"),
                                                                "key": bench.path(f"{case}.key")} for case in CASES]}},
                       "http": {"servers": {"matrix": {"listen": [f"127.0.0.1:{port}"], "automatic_https": {"disable": True},
                                                       "tls_connection_policies": [{}],
                                                       "routes": [{"handle": [{"handler": "static_response", "body": "hello"}]}]}}}}}
    bench.daemon(tool, "run", "--config", bench.write("caddy.json", json.dumps(config)),
                 env={"HOME": str(bench.dir), "XDG_DATA_HOME": str(bench.dir), "XDG_CONFIG_HOME": str(bench.dir)}).wait_for_port(port)
    return Seen(_version(tool, "version"), {case: _staple(bench, port, case) for case in CASES})


# ---- stunnel ------------------------------------------------------------------------------------------------------------


@row("stunnel", "stunnel `OCSPaia` (client certificates)", "stunnel4", "let in", "kept out", "kept out")
def stunnel(bench):
    tool, port, backend = program("stunnel", "stunnel4"), process.free_port(), bench.add(Backend())
    server = bench.daemon(tool, bench.write("stunnel.conf", f"""
foreground = yes
debug = 6
pid =
[tls]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{backend.port}
cert = {bench.path('good')}.chain.pem
key = {bench.path('good')}.key
CAfile = {bench.path('chain.pem')}
verifyChain = yes
requireCert = yes
OCSPaia = yes
"""))
    server.wait_for_port(port)
    said = _visits(bench, port, lambda: _printed(server), {200: "let in", 0: "kept out"}, {
        "Certificate accepted at depth=0: CN={host}": "let in",
        "(?s)OCSP: Status: {case}\\n.*Rejected by OCSP at depth=0: CN={host}": "kept out",
        "(?s)OCSP: .*unauthorized.*Rejected by OCSP at depth=0: CN={host}": "kept out: unauthorized"})
    return Seen(_version(tool, "-version"), said)


# ---- FreeRADIUS ---------------------------------------------------------------------------------------------------------


@row("freeradius", "FreeRADIUS EAP-TLS `ocsp` (by `eapol_test`)", "freeradius eapoltest", "let in", "kept out", "kept out")
def freeradius(bench):
    radius, supplicant, port = program("freeradius", "radiusd"), program("eapol_test"), process.free_port()
    (bench.dir / "radius").mkdir()
    bench.write("radius/radiusd.conf", f"""
name = radiusd
prefix = /usr
libdir = /usr/lib/freeradius
logdir = {bench.dir}
run_dir = {bench.dir}
security {{
  reject_delay = 0
}}
client local {{
  ipaddr = 127.0.0.1
  secret = matrix
}}
modules {{
  eap {{
    default_eap_type = tls
    tls-config common {{
      private_key_file = {bench.path('good')}.key
      certificate_file = {bench.path('good')}.chain.pem
      ca_file = {bench.path('chain.pem')}
      tls_min_version = "1.2"
      tls_max_version = "1.2"
      ocsp {{
        enable = yes
        override_cert_url = no
        use_nonce = yes
        softfail = no
      }}
    }}
    tls {{
      tls = common
    }}
  }}
}}
server default {{
  listen {{
    type = auth
    ipaddr = 127.0.0.1
    port = {port}
  }}
  authorize {{
    eap
  }}
  authenticate {{
    eap
  }}
}}
""")
    server, said = bench.daemon(radius, "-X", "-d", bench.path("radius"), "-D", "/usr/share/freeradius"), {}
    server.wait_for("Ready to process requests")
    for case in CASES:
        log = _printed(server)
        done = process.run(supplicant, "-c", bench.write("eapol.conf", f"""
network={{
  key_mgmt=IEEE8021X
  eap=TLS
  identity="{case}"
  ca_cert="{bench.path('root.pem')}"
  client_cert="{bench.path(case)}.chain.pem"
  private_key="{bench.path(case)}.key"
}}
"""), "-a", "127.0.0.1", "-p", str(port), "-s", "matrix", "-t", "20")
        seen = "let in" if done.code == 0 and "SUCCESS" in done.out else "kept out" if "EAP-Failure" in done.out else str(done)
        said[case] = agreed(seen, logged(log, {
            f"ocsp: Cert status: {case}": "kept out", "ocsp: Cert status: good": "let in",
            "signer certificate not found": "kept out: signer not found",
            "ocsp: Response has wrong nonce value": "kept out: no nonce",
            "ocsp: Response status: unauthorized": "kept out: unauthorized"}))
    return Seen(_version(radius, "-v"), said)
