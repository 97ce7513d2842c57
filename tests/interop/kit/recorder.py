"""A proxy between clients and the responder that remembers each exchange, octet for octet."""
import base64
import dataclasses
import socket
import socketserver
import threading
import urllib.parse

from . import http_client, ocsp, process


@dataclasses.dataclass
class Exchange:
    method: str
    target: str
    message: http_client.Message
    reply: http_client.Message  # None: the connection was closed without one
    asked: object = None       # ocsp.Asked, when the request could be read
    answer: object = None      # ocsp.Answer, when the reply could


def _request_octets(message):
    """The OCSP request inside an HTTP request."""
    method, target = message.start.split()[:2]
    if method == "POST":
        return message.body
    text = urllib.parse.unquote(target).lstrip("/")
    return base64.b64decode(text + "=" * (-len(text) % 4))


class Recorder:
    """Listens on a port of its own; `url` is what certificates should name."""

    def __init__(self, address=None):
        self.responder = address  # may be set later: certificates want the URL before the responder is up
        self._exchanges, self._lock = [], threading.Lock()
        recorder = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    recorder._serve(self.rfile, self.wfile)
                except (OSError, ValueError):
                    pass  # a client that went away

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 64

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _serve(self, client_in, client_out):
        with socket.create_connection(self.responder, timeout=process.DEADLINE) as upstream:
            with upstream.makefile("rb") as upstream_in:
                while message := http_client.read_message(client_in):
                    upstream.sendall(message.raw)
                    reply = http_client.read_message(upstream_in, message.start.startswith("HEAD "))
                    method, target = (message.start.split() + ["", ""])[:2]
                    record = Exchange(method, target, message, reply)
                    try:
                        record.asked = ocsp.parse_request(_request_octets(message))
                    except (ValueError, IndexError):
                        pass
                    try:
                        record.answer = reply and ocsp.parse_response(reply.body)
                    except (ValueError, IndexError, KeyError):
                        pass
                    with self._lock:
                        self._exchanges.append(record)
                    if reply is None:
                        return
                    client_out.write(reply.raw)
                    client_out.flush()
                    if (reply.header("Connection") or "").lower() == "close":
                        return

    def mark(self):
        with self._lock:
            return len(self._exchanges)

    def since(self, mark=0):
        with self._lock:
            return self._exchanges[mark:]

    def asked_about(self, serial, mark=0):
        return [e for e in self.since(mark) if e.asked and serial in e.asked.serials]

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
