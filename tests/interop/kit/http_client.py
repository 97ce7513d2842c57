"""Octets to a listener and back: a client without manners of its own."""
import dataclasses
import socket

LIMIT = 1 << 20


@dataclasses.dataclass
class Message:
    """An HTTP message as it stood on the wire."""
    start: str
    headers: list      # (name, value) in their order
    body: bytes
    raw: bytes

    def header(self, name, default=None):
        return next((value for key, value in self.headers if key.lower() == name.lower()), default)

    @property
    def code(self):
        return int(self.start.split()[1])


def read_message(stream, head_only=False):
    """The next message of a binary stream; None at its end."""
    start = stream.readline(LIMIT)
    if not start:
        return None
    raw, headers = [start], []
    while True:
        line = stream.readline(LIMIT)
        raw.append(line)
        if line in (b"\r\n", b"\n", b""):
            break
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name.strip(), value.strip()))
    message = Message(start.decode("latin-1").strip(), headers, b"", b"".join(raw))
    length = message.header("Content-Length")
    if length is not None and not head_only:
        message.body = stream.read(int(length))
    elif message.start.startswith("HTTP/") and length is None and not head_only and message.code not in (204, 304):
        message.body = stream.read()
    message.raw += message.body
    return message


def exchange(address, octets, head_only=False, timeout=30.0):
    """Sends `octets` on a connection of its own; the answer, None when there was none."""
    with socket.create_connection(address, timeout=timeout) as connection:
        connection.sendall(octets)
        with connection.makefile("rb") as stream:
            return read_message(stream, head_only)


def post(address, body, path="/", headers=()):
    fields = "".join(f"{name}: {value}\r\n" for name, value in
                     [("Host", "ocsp"), ("Content-Type", "application/ocsp-request"), ("Content-Length", len(body)), *headers])
    return exchange(address, f"POST {path} HTTP/1.1\r\n{fields}\r\n".encode() + body)


def get(address, path, headers=(), method="GET"):
    fields = "".join(f"{name}: {value}\r\n" for name, value in [("Host", "ocsp"), *headers])
    return exchange(address, f"{method} {path} HTTP/1.1\r\n{fields}\r\n".encode(), head_only=method == "HEAD")
