"""A CA whose OCSP responder does as it is told, also badly, and remembers every answer it gave.

What a server staples is judged by that memory: it must be octet for octet an answer that was given as a right one, about the
server's certificate, and its time must not have passed. Nothing of ours takes part in the judgement.
"""
import base64
import dataclasses
import datetime
import http.server
import socket
import sys
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp as x509_ocsp

import paths  # noqa: F401
from kit import der, ocsp, pki


@dataclasses.dataclass(frozen=True)
class Given:
    """An answer that the responder gave as a right one."""
    serial: int
    status: str  # good, revoked
    this_update: float
    next_update: float
    number: int  # counts answers that were made: a larger one is newer


def _utc(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).replace(tzinfo=None)


class Authority:
    """\\param validity  of answers, seconds"""

    def __init__(self, directory, validity, delegated=False):
        self.validity, self.clock_error, self.renewed_every, self.renewed_left = validity, 0.0, None, None
        self.behaviour = good
        self.revoked = {}                      # serial -> time
        self.given, self.requests = {}, []     # octets -> Given; times of requests
        self._kept, self._stand_ins, self._lock = {}, {}, threading.Lock()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self.root = pki.Ca(directory, "root")
        self.ca = pki.Ca(directory, "ca", parent=self.root, ocsp_url=self.url)
        if delegated:
            self.ca.issue("signer", "signer")
        name = "signer" if delegated else "ca"
        self._issuer = self._certificate("ca")
        self._signer = self._certificate(name)
        self._key = serialization.load_pem_private_key((self.ca.dir / f"{name}.key").read_bytes(), None)
        self._included = [self._signer] if delegated else []
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _certificate(self, name):
        return x509.load_pem_x509_certificate((self.ca.dir / f"{name}.pem").read_bytes())

    def issue(self, name, **options):
        self.ca.issue(name, subject="web.example", **options)
        return self._certificate(name)

    def revoke(self, certificate):
        with self._lock:
            self.revoked[certificate.serial_number] = time.time()
            self._kept.clear()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def _stand_in(self, serial):
        """A certificate of this CA with this serial: python3-cryptography of Debian 12 (38) makes a CertID of nothing else."""
        if serial not in self._stand_ins:
            today = datetime.datetime(2020, 1, 1)
            builder = x509.CertificateBuilder(self._issuer.subject, self._issuer.subject, self._key.public_key(), serial, today, today)
            self._stand_ins[serial] = builder.sign(self._key, hashes.SHA256())
        return self._stand_ins[serial]

    def answer(self, certificate_id, at=None, sign_wrongly=False, status=None, remember=True):
        """A signed answer about what was asked for; an older one where this CA makes them ahead."""
        serial = certificate_id.serial
        now = time.time() + self.clock_error if at is None else at
        key = (certificate_id.encode(), status)
        with self._lock:
            kept = self._kept.get(key)
            if kept and at is None and now < kept[0]:
                return kept[1]
            revoked_at = self.revoked.get(serial)
        status = status or ("revoked" if revoked_at else "good")
        cert_status = {"good": x509_ocsp.OCSPCertStatus.GOOD, "revoked": x509_ocsp.OCSPCertStatus.REVOKED,
                       "unknown": x509_ocsp.OCSPCertStatus.UNKNOWN}[status]
        this_update = float(int(now))
        builder = x509_ocsp.OCSPResponseBuilder().add_response(
            self._stand_in(serial), self._issuer, {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}[certificate_id.hash], cert_status,
            _utc(this_update), _utc(this_update + self.validity), _utc(revoked_at or now) if status == "revoked" else None, None)
        builder = builder.responder_id(x509_ocsp.OCSPResponderEncoding.HASH, self._signer)
        if self._included:
            builder = builder.certificates(self._included)
        octets = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        if sign_wrongly:
            octets = octets[:-1] + bytes([octets[-1] ^ 1]) if not self._included else octets.replace(b"\x30", b"\x31", 1)
            return octets
        with self._lock:
            if remember:
                self.given[octets] = Given(serial, status, this_update, this_update + self.validity, len(self.given))
            if at is None and self.renewed_every:
                until = now + self.renewed_every
                if self.renewed_left is not None:
                    until = this_update + self.validity - self.renewed_left
                self._kept[key] = (until, octets)
        return octets


# Behaviours: (authority, CertId, handler) -> octets of the body, or nothing when the handler has dealt with it.

def good(authority, certificate_id, _handler):
    return authority.answer(certificate_id)


def down(_authority, _id, handler):
    """As if nobody listened."""
    handler.reset()


def slow(seconds):
    def answer(authority, certificate_id, _handler):
        time.sleep(seconds)
        return authority.answer(certificate_id)
    return answer


def hang(authority, _id, handler):
    """Takes the request and says nothing until the authority's mind is changed, or a minute has passed."""
    end = time.monotonic() + 60
    while authority.behaviour is hang and time.monotonic() < end:
        time.sleep(0.05)
    handler.reset()


def http_error(code):
    def answer(_authority, _id, handler):
        handler.plain(code, b"no", "text/plain")
    return answer


def octets(content):
    return lambda _authority, _id, _handler: content


def error(number):
    """An OCSP error: tryLater is 3, unauthorized 6."""
    return octets(bytes([0x30, 3, 0x0A, 1, number]))


def odd_style(authority, certificate_id, handler):
    """Correct HTTP that few speak: chunked, in pieces of three octets."""
    handler.chunked(authority.answer(certificate_id))


def bad_signature(authority, certificate_id, _handler):
    return authority.answer(certificate_id, sign_wrongly=True)


def other_certificate(authority, certificate_id, _handler):
    return authority.answer(dataclasses.replace(certificate_id, serial=certificate_id.serial + 1), remember=False)


def expired(authority, certificate_id, _handler):
    return authority.answer(certificate_id, at=time.time() - 3 * authority.validity, remember=False)


def far_ahead(authority, certificate_id, _handler):
    return authority.answer(certificate_id, at=time.time() + 86400, remember=False)


def unknown(authority, certificate_id, _handler):
    return authority.answer(certificate_id, status="unknown", remember=False)


def truncated(authority, certificate_id, _handler):
    return authority.answer(certificate_id, remember=False)[:-7]


def flood(valid_prefix):
    def answer(authority, certificate_id, handler):
        start = authority.answer(certificate_id, remember=False) if valid_prefix else b""
        handler.plain(200, start + bytes(10 << 20))
    return answer


BAD = {"bad signature": bad_signature, "10 MiB of zeros": flood(False), "a valid answer, then 10 MiB": flood(True),
       "another certificate's": other_certificate, "expired": expired, "a day ahead": far_ahead, "unknown": unknown,
       "truncated": truncated, "nothing": octets(b""), "HTML": octets(b"<html>login</html>"), "tryLater": error(3),
       "unauthorized": error(6), "HTTP 500": http_error(500), "HTTP 404": http_error(404), "connection reset": down,
       "no answer": hang}


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, authority):
        self.authority = authority
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request, client_address):
        """Peers that go away are part of the game; whatever else goes wrong here is a fault of ours, and told."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        tail = urllib.parse.unquote(self.path).lstrip("/")
        self._serve(base64.b64decode(tail.replace(" ", "+")))

    def do_POST(self):
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _serve(self, request):
        authority = self.server.authority
        authority.requests.append(time.time())
        try:
            certificate_id = _read_id(ocsp.parse_request(request))
        except (ValueError, IndexError):
            self.plain(400, b"no request", "text/plain")
            return
        body = authority.behaviour(authority, certificate_id, self)
        if body is not None:
            self.plain(200, body)

    def plain(self, code, body, content_type="application/ocsp-response"):
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunked(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/ocsp-response")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(body), 3):
            piece = body[at:at + 3]
            self.wfile.write(b"%x;odd=1\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\nTrailer: none\r\n\r\n")

    def reset(self):
        self.close_connection = True
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.close()
        except OSError:
            pass
        self.wfile = open("/dev/null", "wb")


def _read_id(asked):
    fields = der.node(asked.ids[0]).children()
    return ocsp.CertId(asked.hashes[0], fields[1].content, fields[2].content,
                       int.from_bytes(fields[3].content, "big", signed=True))
