"""TLS clients that judge the staple of `muster front`, which asks the responder by itself."""
import http.server
import pathlib
import threading

from bench import CASES, Skip, program
from kit import process
from row import Seen, conclusion, row


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"hello\n")

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # a front that gave up its connection


class Backend:
    """A plain HTTP server behind whatever terminates TLS."""

    def __init__(self):
        self._server = _Server(("127.0.0.1", 0), _Hello)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


def _front(bench):
    """The port of a front with all three certificates, once it has asked about them."""
    backend = bench.add(Backend())
    pairs = "".join(f'[[front.certificate]]\ncertificate = "{bench.path(case)}.chain.pem"\nkey = "{bench.path(case)}.key"\n'
                    for case in CASES)
    front = bench.own_daemon("front", "--config", bench.write("front.toml", f"""
[front]
listen = ["127.0.0.1:0"]
upstream = "127.0.0.1:{backend.port}"
keep = true
shelf = "{bench.path('shelf')}"
{pairs}"""))
    port = front.wait_for(r"^listening on 127\.0\.0\.1:(\d+)$")[1]
    for case in CASES:
        bench.wait_until_asked(case)
    return port


@row("curl", "`curl --cert-status`, stapled by `muster front`", "curl", "connected", "refused", "refused")
def curl(bench):
    tool, said, port = program("curl"), {}, _front(bench)
    for case in CASES:
        host = bench.host(case)
        done = process.run(tool, "--silent", "--show-error", "--cert-status", "--cacert", bench.path("root.pem"),
                           "--resolve", f"{host}:{port}:127.0.0.1", f"https://{host}:{port}/")
        # 91 is CURLE_SSL_INVALIDCERTSTATUS. A revoked staple must have been there: without one it would refuse too.
        why = {"revoked": "SSL certificate revocation reason: keyCompromise", "unknown": "No OCSP response received"}.get(case)
        said[case] = "connected" if done.code == 0 else conclusion(str(done), {f"curl: \\(91\\) {why}": "refused"})
    words = process.run(tool, "--version").out.split()
    return Seen(f"{words[1]} ({next(w for w in words if 'SSL/' in w or 'TLS/' in w)})", said)


@row("gnutls-cli-staple", "GnuTLS `gnutls-cli`, stapled by `muster front`", "gnutls-bin", "connected", "refused",
     "connected, no staple")
def gnutls_cli_staple(bench):
    tool, said, port = program("gnutls-cli"), {}, _front(bench)
    for case in CASES:
        done = process.run(tool, "--x509cafile", bench.path("root.pem"), f"--sni-hostname={bench.host(case)}",
                           f"--verify-hostname={bench.host(case)}", "-p", port, "127.0.0.1")
        # With a staple that says good; without any; with one that says revoked.
        said[case] = conclusion(str(done), {
            "(?s)exit 0.*Status: The certificate is trusted.*Options:.* OCSP status request,": "connected",
            "(?s)exit 0.*Status: The certificate is trusted": "connected, no staple",
            "(?s)exit 1.*The certificate chain is revoked.*The certificate was revoked via OCSP": "refused"})
    return Seen(process.run(tool, "--version").out.split()[1], said,
                "an `unknown` answer is not stapled: without must-staple it connects")


@row("perl", "Perl `IO::Socket::SSL`, `SSL_OCSP_FAIL_HARD`", "libio-socket-ssl-perl", "connected", "refused", "refused")
def perl(bench):
    """Asks about the server's certificates by itself; the server staples nothing."""
    tool, said = program("perl"), {}
    if process.run(tool, "-MIO::Socket::SSL", "-e1").code != 0:
        raise Skip("Perl's IO::Socket::SSL is not installed")
    for case in CASES:
        server = bench.daemon(program("openssl"), "s_server", "-accept", "127.0.0.1:0", "-cert", bench.path(f"{case}.pem"), "-key",
                              bench.path(f"{case}.key"), "-cert_chain", bench.path("ca.pem"), "-www")
        port = server.wait_for(r"^ACCEPT \S+:(\d+)")[1]
        done = process.run(tool, pathlib.Path(__file__).parent / "clients/ask_perl.pl", port, bench.host(case), bench.path("root.pem"))
        said[case] = "connected" if done.code == 0 else conclusion(
            str(done), {f"OCSP: .*certificate status is {case};": "refused", "OCSP: .*OCSP response failed: unauthorized;": "refused: unauthorized"})
        server.stop()
    return Seen(process.must(tool, "-MIO::Socket::SSL", "-e", "print $IO::Socket::SSL::VERSION").out, said,
                "with `SSL_OCSP_FULL_CHAIN` it puts certificates of several CAs into one request when these name the same URL, "
                "which no single signer can answer: give each CA its own URL then (decision 013)")
