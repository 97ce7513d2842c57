"""The responder that is soaked, with everything switched on, and all that may change about it."""
import os
import pathlib
import pwd
import random
import threading
import time

import paths  # noqa: F401
import serials
import servers
from kit import der, http_client, ocsp, pki, process

HOT = 500            # certificates of the large CA that most ask about: their answers are remembered
REMEMBERED = 4096    # answers a loop remembers; far fewer than there are certificates: strange serials push each other out
LINGER = 3           # delegates that stay in the directory
BATCH = 300          # certificates in one batch call
FORGOTTEN = 400      # pushed certificates that are followed; older ones stay as they are


class Control:
    """The admin, push and batch listeners, each over a connection of its own that is made anew when it ends."""

    def __init__(self, path):
        self._path, self._lock, self._connection = path, threading.Lock(), None

    def ask(self, method, path, value=None):
        with self._lock:
            try:
                return self._once(method, path, value)
            except (OSError, EOFError, servers.http.client.HTTPException):
                self._connection = None  # it was idle for too long
                return self._once(method, path, value)

    def _once(self, method, path, value):
        self._connection = self._connection or servers.UnixConnection(self._path)
        return self._connection.ask(method, path, value)


class World:
    def __init__(self, data, count, seed):
        self.data, self.count, self.random = data, count, random.Random(seed)
        self.index, self.delegates = data.path("soak.txt"), pathlib.Path(data.path("soak-delegates"))
        self.revoked, self.rolled, self.issued_at = 0, 0, time.time()
        self.pushed_ca = pki.Ca(data.dir, "pushed-ca")
        self.pushed = {}            # serial -> status it must be answered with
        self.next_serial = 0x51000000
        self.lock = threading.Lock()  # who asks about what changes, and who changes it
        data.write_index(self.index, count)
        self.delegates.mkdir()
        self._install("signer-P-256")
        self.server = servers.Muster(
            data, "soak", f'signer_directory = "{self.delegates}"\nindex = "{self.index}"',
            f'check_interval = "1s"\nstore = "{data.path("soak-store")}"\nready_answers = {REMEMBERED}\n'
            'header_timeout = "5s"\nbody_timeout = "5s"\nidle_timeout = "20s"',
            f"""[responder.admin]
listen = "unix:{data.path('admin.sock')}"
[responder.push]
listen = "unix:{data.path('push.sock')}"
[[responder.push.client]]
name = "soak"
users = ["{pwd.getpwuid(os.getuid()).pw_name}"]
issuers = ["pushed"]
[responder.batch]
listen = "unix:{data.path('batch.sock')}"
[publish]
listen = ["127.0.0.1:0"]
[[publish.crl]]
ca = ["{data.path('pushed-ca.pem')}"]
key = "{data.path('pushed-ca.key')}"
out = "{data.path('pushed.crl')}"
delta_out = "{data.path('pushed-delta.crl')}"
interval = "60s"
delta_interval = "10s"
reaction = "2s"
[[responder.issuer]]
label = "pushed"
ca = "{data.path('pushed-ca.pem')}"
key = "{data.path('pushed-ca.key')}"
presign = ["sha256"]
""", loops=2)
        self.admin, self.push = Control(data.path("admin.sock")), Control(data.path("push.sock"))
        port = self.server.daemon.wait_for(r"^crl on 127\.0\.0\.1:(\d+)$")[1]
        self.crl_at = ("127.0.0.1", int(port))

    def _install(self, name):
        for kind in ("key", "pem"):
            part = self.delegates / f"{name}.{kind}.part"
            part.write_bytes(pathlib.Path(self.data.path(f"{name}.{kind}")).read_bytes())
            part.rename(self.delegates / f"{name}.{kind}")

    # What is asked, and what must be the answer.

    def expected_big(self, number):
        return "revoked" if serials.is_revoked(number) or 1 <= number <= self.revoked else "good"

    def big_request(self, number, **more):
        return ocsp.request(ocsp.cert_id(self.data.ca.certificate, serials.serial(number), "sha256"), **more)

    def pushed_request(self, serial, hash_name="sha256", **more):
        return ocsp.request(ocsp.cert_id(self.pushed_ca.certificate, serial, hash_name), **more)

    def judge(self, request, message, words):
        """The answer says `words`, about what was asked, now, and repeats the nonce; Failed where not."""
        if message is None or message.code != 200:
            raise process.Failed(f"no answer: {message and message.start}")
        asked, got = ocsp.parse_request(request), ocsp.parse_response(message.body)
        if got.status != "successful":
            raise process.Failed(f"the answer says {got.status}")
        if [s.cert_id for s in got.singles] != asked.ids:
            raise process.Failed("the answer is about something else")
        if [s.status for s in got.singles] != words:
            raise process.Failed(f"{[hex(s) for s in asked.serials]} are {words}, the answer says {[s.status for s in got.singles]}")
        if got.nonce != asked.nonce:
            raise process.Failed("the nonce is not repeated")

    # Work: each call is one piece, and counts what it did by its return value.

    def ask_some(self):
        """A handful of questions about what changes, judged one by one."""
        rand = self.random
        with self.lock:
            number = rand.randrange(self.count) if rand.random() < 0.5 else rand.randrange(max(1, self.revoked + 2))
            nonce = rand.randbytes(rand.choice((16, 32))) if rand.random() < 0.3 else None
            request = self.big_request(number, nonce=nonce)
            message = self.server.get(request) if rand.random() < 0.5 else self.server.post(request)
            self.judge(request, message, [self.expected_big(number)])
            if self.pushed:
                some = rand.sample(list(self.pushed), min(len(self.pushed), rand.choice((1, 1, 3))))
                certificates = [ocsp.cert_id(self.pushed_ca.certificate, serial, rand.choice(("sha1", "sha256"))) for serial in some]
                request = ocsp.request(*certificates)
                self.judge(request, self.server.post(request), [self.pushed[serial] for serial in some])
            request = self.pushed_request(0x7F00000000000000 + rand.randrange(1 << 30))
            self.judge(request, self.server.post(request), ["unknown"])
        return 2 + bool(self.pushed)

    def tell(self, verb, serial, word, **more):
        self.push.ask("POST", f"/v1/issuers/pushed/{verb}", {"serial": f"{serial:X}", **more})
        self.pushed[serial] = word
        request = self.pushed_request(serial)
        self.judge(request, self.server.post(request), [word])  # from the acknowledgement on

    def push_some(self):
        """Issues one, puts one on hold and takes it back, revokes one: the next answer says so."""
        with self.lock:
            self.next_serial += 1
            self.tell("issue", self.next_serial, "good")
            good = [serial for serial, word in self.pushed.items() if word == "good"]
            one = self.random.choice(good)
            self.tell("hold", one, "revoked")
            if self.random.random() < 0.7:
                self.tell("unhold", one, "good")
            else:
                self.tell("revoke", one, "revoked", reason="keyCompromise")
            while len(self.pushed) > FORGOTTEN:
                self.pushed.pop(next(iter(self.pushed)))
        return 3

    def change_index(self):
        """The next state of the large CA, until the answer about the one certificate that differs says so."""
        self.data.write_index(self.index + ".next", self.count, "sorted", self.revoked + 1)
        with self.lock:
            os.rename(self.index + ".next", self.index)
            request = self.big_request(self.revoked + 1)
            process.until(lambda: ocsp.parse_response(self.server.post(request).body).word() == "revoked", "the new index counts", 120)
            self.revoked += 1
        return 1

    def reload(self):
        self.admin.ask("POST", "/reload")
        return 1

    def rollover(self):
        """A new delegate, until it signs; the oldest goes."""
        process.until(lambda: time.time() > self.issued_at + 1.1, "another second")  # the latest issued signs, to the second
        self.rolled += 1
        name = f"rolled-{self.rolled}"
        self.data.ca.issue(name, "signer")
        self.issued_at = time.time()
        self._install(name)
        certificate = ocsp.pem_to_der(pathlib.Path(self.data.path(f"{name}.pem")).read_text())
        request = self.big_request(0, nonce=bytes(32))
        process.until(lambda: certificate in self.server.post(request).body, "the new delegate signs", 120)
        old = self.rolled - LINGER
        for kind in ("key", "pem") if old >= 0 else ():
            (self.delegates / f"{f'rolled-{old}' if old else 'signer-P-256'}.{kind}").unlink()
        return 1

    def read_crl(self):
        """What was revoked long enough ago is on the CRL or its delta; openssl verifies both."""
        with self.lock:
            certain = [serial for serial, word in self.pushed.items() if word == "revoked"]
        end = time.monotonic() + process.DEADLINE
        while missing := self.not_on_crl(certain):  # `reaction`, a delta's making, and a busy machine
            if time.monotonic() > end:
                raise process.Failed(f"revoked and not on the CRL: {missing}")
            time.sleep(0.5)
        return 2

    def not_on_crl(self, certain):
        texts = []
        for name in ("pushed.crl", "pushed-delta.crl"):
            message = http_client.get(self.crl_at, f"/{name}")
            if message.code != 200:
                raise process.Failed(f"/{name}: {message.start}")
            pathlib.Path(self.data.path(f"seen-{name}")).write_bytes(message.body)
            done = process.must("openssl", "crl", "-inform", "DER", "-in", self.data.path(f"seen-{name}"), "-noout", "-text", "-CAfile",
                                self.data.path("pushed-ca.pem"))
            if "verify OK" not in done.text:
                raise process.Failed(f"/{name} is not verified: {done.text[-300:]}")
            texts.append(done.text)
        with self.lock:
            still = [serial for serial in certain if self.pushed.get(serial) == "revoked"]
        return [f"{s:X}" for s in still if f"Serial Number: {s:X}" not in texts[0] + texts[1]]

    def batch(self):
        """Hundreds in one call; every answer is about the item it names, and says what it should."""
        with self.lock:
            numbers = [self.random.randrange(self.count) for _ in range(BATCH)]
            items = b"".join(der.tlv(der.SEQUENCE, ocsp.cert_id(self.data.ca.certificate, serials.serial(n), "sha256").encode()) for n in numbers)
            connection = servers.UnixConnection(self.data.path("batch.sock"))
            connection.request("POST", "/batch", items, {"Content-Type": "application/vnd.muster.ocsp-batch-request"})
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            if answer.status != 200:
                raise process.Failed(f"batch: HTTP {answer.status} {body[:200]}")
            parts = der.nodes(body)
            if parts[-1].tag != 0xA0 or len(parts) != BATCH + 1:
                raise process.Failed(f"batch: {len(parts) - 1} answers to {BATCH} questions")
            for part in parts[:-1]:
                index, response = part.children()
                number = numbers[int.from_bytes(index.content, "big")]
                single = ocsp.parse_response(response.content).singles[0]
                if single.serial != serials.serial(number) or single.status != self.expected_big(number):
                    raise process.Failed(f"batch: certificate {number} is {self.expected_big(number)}, the answer says {single.status}")
        return BATCH

    def look(self):
        """What operators and their monitors do all the time."""
        metrics = self.admin.ask("GET", "/metrics")
        if "muster_ready 1" not in metrics:
            raise process.Failed("not ready:\n" + self.admin.ask("GET", "/readyz"))
        self.admin.ask("GET", "/explain/" + ocsp.get_tail(self.big_request(1)))
        return 2

    def misbehave(self):
        """Clients as they are: gone in the middle, half closed, wrong on purpose. Those who may be answered are."""
        where, request = self.server.where, self.big_request(7)
        post = f"POST / HTTP/1.1\r\nHost: ocsp\r\nContent-Length: {len(request)}\r\n\r\n".encode() + request
        for octets in (b"GET /MFEwTz", post[:60], post[:-3], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"", b"\r\n" * 5000,
                       b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"):
            with servers.socket.create_connection(where, timeout=10) as left:
                left.sendall(octets)
        with servers.socket.create_connection(where, timeout=10) as half:
            half.sendall(post)
            half.shutdown(servers.socket.SHUT_WR)
            with half.makefile("rb") as stream, self.lock:
                self.judge(request, http_client.read_message(stream), [self.expected_big(7)])
        slow = servers.socket.create_connection(where, timeout=10)
        slow.sendall(post[:80])
        return slow  # left open: the responder cuts it off
