#!/usr/bin/env python3
"""Floods against a real responder: of strange serials, nonces, slow senders, connections, and clients that do not read.

usage: floods_test.py MUSTER      None of them may use up the signer, memory or descriptors; who asks properly meanwhile gets his
answer, and a remembered one comes back octet for octet. Nothing here depends on how fast the machine is: counters and limits are
looked at, never times.
"""
import http.client
import os
import pathlib
import re
import shutil
import socket
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))

from kit import http_client, ocsp, pki, process, responder  # noqa: E402

MIB = 1 << 20


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Flooded(unittest.TestCase):
    muster = None

    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="muster-floods-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        cls.ca = pki.Ca(cls.dir, "ca")
        cls.ca.issue("ocsp", "signer")
        cls.ca.issue("slow", "signer", key="rsa")
        cls.ca.issue("good")
        cls.request = ocsp.request(cls.ca.id("good"))

    def start(self, *keys, signer="ocsp", more_issuer="", before=()):
        config = self.dir / f"{self.id().rpartition('.')[2]}.toml"
        self.admin = str(self.dir / f"admin-{os.urandom(4).hex()}")  # a socket's path is short
        config.write_text(f"""[responder]
loops = 1
{chr(10).join(keys)}
[responder.admin]
listen = "unix:{self.admin}"
[[responder.issuer]]
label = "ca"
ca = "{self.ca.path('ca.pem')}"
signer = "{self.ca.path(f'{signer}.pem')}"
key = "{self.ca.path(f'{signer}.key')}"
index = "{self.ca.index}"
{more_issuer}
""")
        words = [*before, self.muster]
        self.running = responder.Responder(words[0], *words[1:], "--config", config) if not before else Limited(words, config)
        self.addCleanup(self.running.stop)
        self.first = self.ask().body  # remembered from here on
        self.begin = self.resident()
        return self.running.address

    def metrics(self):
        connection = UnixConnection(self.admin)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return {name: float(value) for name, value in re.findall(r"^(\w+(?:{[^}]*})?) (\S+)$", text, re.M)}

    def limit(self, name):
        return self.metrics()[f'muster_http_limits_total{{listener="ocsp",limit="{name}"}}']

    def refused(self, cause):
        return sum(value for name, value in self.metrics().items()
                   if name.startswith("muster_responder_refusals_total") and f'cause="{cause}"' in name)

    def signatures(self):
        return sum(value for name, value in self.metrics().items() if name.startswith("muster_signer_operations_total"))

    def resident(self):
        return int(re.search(r"^VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{self.running.daemon.pid}/status").read_text(), re.M)[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.running.daemon.pid}/fd"))

    def ask(self):
        return http_client.post(self.running.address, self.request)

    def asks_in_vain(self):
        """Whether a proper client is told to come back, or cut off."""
        try:
            message = self.ask()
        except OSError:
            return True
        return message is None or message.code != 200

    def answered(self):
        """A proper client that comes back when it is told to gets the remembered answer."""
        process.until(lambda: not self.asks_in_vain(), "a proper client is answered")
        self.assertEqual(self.ask().body, self.first)

    def connect(self):
        connection = socket.create_connection(self.running.address, timeout=30)
        self.addCleanup(connection.close)
        return connection


class Limited(responder.Responder):
    """Started by way of another program."""

    def __init__(self, words, config):
        self.daemon = process.OwnDaemon(*words, "responder", "--listen", "127.0.0.1:0", "--config", config)
        self.address = ("127.0.0.1", int(self.daemon.wait_for(r"^listening on 127\.0\.0\.1:(\d+)$")[1]))


def post(request):
    return b"POST / HTTP/1.1\r\nHost: ocsp\r\nContent-Length: %d\r\n\r\n" % len(request) + request


def words_of(stream, count):
    """One word for each of the answers that come."""
    out = []
    for _ in range(count):
        message = http_client.read_message(stream)
        out.append("closed" if message is None else f"HTTP {message.code}" if message.code != 200 else ocsp.parse_response(message.body).word())
    return out


class OfRequests(Flooded):
    def pipelined(self, requests, at_once=50):
        """Words, of one connection."""
        words = []
        with self.connect() as connection, connection.makefile("rb") as stream:
            for start in range(0, len(requests), at_once):
                some = requests[start:start + at_once]
                connection.sendall(b"".join(map(post, some)))
                words += words_of(stream, len(some))
        return words

    # req: OCSP-RESP-083
    def test_strange_serials_push_out_neither_what_is_asked_for_nor_memory(self):
        self.start("ready_answers = 1024")
        hits = 'muster_responder_remembered_answers_total{outcome="used"}'
        before = self.metrics()[hits]
        rounds = 200
        for turn in range(rounds):
            strange = [ocsp.request(ocsp.cert_id(self.ca.certificate, (1 << 100) + turn * 20 + i)) for i in range(20)]
            words = self.pipelined([*strange, self.request])
            self.assertLessEqual(set(words), {"unknown", "tryLater", "good"})
            self.assertEqual(words[-1], "good")
        self.assertGreaterEqual(self.metrics()[hits] - before, rounds * 0.95, "what is asked for all the time stays remembered")
        self.assertLess(self.resident() - self.begin, 16 * MIB)
        self.answered()

    # req: OCSP-RESP-083
    def test_a_limit_of_signatures_holds_whatever_is_asked(self):
        self.start("signatures_per_second = 20")
        before, began = self.signatures(), time.time()
        for turn in range(20):
            strange = [ocsp.request(ocsp.cert_id(self.ca.certificate, (1 << 101) + turn * 20 + i)) for i in range(20)]
            nonces = [ocsp.request(self.ca.id("good"), nonce=os.urandom(16)) for _ in range(20)]
            words = self.pipelined([*strange, *nonces, self.request])
            self.assertEqual(words[-1], "good")
            self.assertLessEqual(set(words), {"unknown", "tryLater", "good"})
        self.assertLessEqual(self.signatures() - before, 20 * (time.time() - began + 2))
        self.assertGreater(self.refused("signing_limit"), 0)
        self.answered()

    # req: OCSP-RESP-083
    def test_a_burst_of_nonces_is_signed_as_far_as_there_is_time_and_the_rest_refused_at_once(self):
        # Room in line for some also where a signature takes 20 ms, and never for all.
        self.start('signing_wait = "50ms"', 'signing_wait_busy = "50ms"', signer="slow")
        count = 400
        connections = [self.connect() for _ in range(count)]
        for connection in connections:
            connection.sendall(post(ocsp.request(self.ca.id("good"), nonce=os.urandom(16))))
        self.answered()  # in the midst of it
        words = []
        for connection in connections:
            with connection.makefile("rb") as stream:
                words += words_of(stream, 1)
        self.assertEqual(set(words), {"good", "tryLater"})
        self.assertEqual(self.refused("signing_queue_full"), words.count("tryLater"))
        self.assertGreater(self.metrics()["muster_signing_waited_total"], 0)
        process.until(lambda: self.metrics()["muster_signing_waiting"] == 0, "nobody waits any more")

    def test_with_the_nonce_left_out_nobody_is_refused(self):
        self.start('signing_wait = "5ms"', 'signing_wait_busy = "5ms"', 'nonce_overload = "without-nonce"', signer="slow")
        connections = [self.connect() for _ in range(100)]
        for connection in connections:
            connection.sendall(post(ocsp.request(self.ca.id("good"), nonce=os.urandom(16))))
        for connection in connections:
            with connection.makefile("rb") as stream:
                self.assertEqual(words_of(stream, 1), ["good"])
        self.assertGreater(self.metrics()["muster_responder_nonces_left_out_total"], 0)


class OfConnections(Flooded):
    MOST = 40

    def flood(self, count, octets):
        """So many connections that send this and no more. Those that were refused or cut off are gone."""
        out = []
        for _ in range(count):
            try:
                connection = self.connect()
                connection.sendall(octets)
                out.append(connection)
            except OSError:
                pass
        return out

    def check_bounds(self, before):
        self.assertLessEqual(self.metrics()['muster_http_open_connections{listener="ocsp"}'], self.MOST)
        # Connections, and the few that ask for metrics.
        self.assertLessEqual(self.descriptors(), before + self.MOST + 8)
        self.assertLess(self.resident() - self.begin, 16 * MIB)

    def check_flood(self, octets):
        self.start(f"max_connections = {self.MOST}")
        before = self.descriptors()
        for _ in range(2):  # those of the first take the place of nobody, those of the second of the first
            self.flood(4 * self.MOST, octets)
            self.check_bounds(before)
            self.answered()
        self.assertGreater(self.limit("room"), 0)
        self.assertGreater(self.limit("connections"), 0)

    def test_connections_that_say_nothing(self):
        self.check_flood(b"")

    def test_slow_heads(self):
        self.check_flood(b"POST / HTTP/1.1\r\nHost: ocsp\r\nX-Slow: ")

    def test_slow_bodies(self):
        self.check_flood(post(self.request)[:-5])

    def test_slow_senders_who_never_stop(self):
        """An octet now and then moves no deadline."""
        self.start(f"max_connections = {self.MOST}", 'header_timeout = "300ms"', 'body_timeout = "300ms"')
        for start in (b"GET /", b"POST / HTTP/1.1\r\nContent-Length: 60000\r\n\r\n"):
            slow = self.flood(self.MOST // 2, start)

            def trickle():
                for connection in list(slow):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        slow.remove(connection)
                return not slow
            process.until(trickle, "slow senders are cut off")
            self.answered()
        self.assertGreaterEqual(self.limit("timeout_header"), 1)
        self.assertGreaterEqual(self.limit("timeout_body"), 1)

    def test_half_closed_ones(self):
        self.start(f"max_connections = {self.MOST}")
        before = self.descriptors()
        asking = []
        for octets in [b"", b"GET /MF", post(self.request)] * 60:
            try:
                connection = self.connect()
                connection.sendall(octets)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                continue
            if octets and octets[:4] == b"POST":
                asking.append(connection)
        answered = 0
        for connection in asking:
            with connection.makefile("rb") as stream:
                try:
                    answered += words_of(stream, 1) == ["good"]
                except OSError:
                    pass
        self.assertGreater(answered, 0)
        self.answered()
        process.until(lambda: self.descriptors() <= before, "all are gone")

    def test_connections_that_come_and_go(self):
        self.start()
        before = self.descriptors()
        for i in range(3000):
            with socket.create_connection(self.running.address, timeout=30) as connection:
                if i % 3 == 0:
                    connection.sendall(post(self.request))  # and do not wait for the answer
        self.answered()
        process.until(lambda: self.descriptors() <= before, "all are gone")
        self.assertLess(self.resident() - self.begin, 16 * MIB)

    def test_more_than_there_are_descriptors(self):
        most = 100
        self.start(before=["prlimit", f"--nofile={most}:{most}"])
        self.running.daemon.wait_for("responder.descriptors")
        self.assertLess(self.metrics()['muster_http_max_connections{listener="ocsp"}'], most)
        for _ in range(2):
            self.flood(3 * most, b"GET /")
            self.assertLessEqual(self.descriptors(), most)
            self.answered()
            self.assertIn("muster_ready 1", " ".join(f"{name} {value:g}" for name, value in self.metrics().items()), "admin has descriptors left")


class OfMemory(Flooded):
    def check_memory(self):
        self.assertGreater(self.limit("memory"), 0)
        # The limit, and the one who passed it.
        self.assertLessEqual(self.metrics()['muster_http_buffered_bytes{listener="ocsp"}'], 3 * MIB)
        self.assertLess(self.resident() - self.begin, 32 * MIB)
        self.answered()

    def test_bodies_that_never_end(self):
        self.start('max_buffered = "2MiB"', 'max_request = "1MiB"')
        body = b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + bytes(300_000)
        for _ in range(100):
            try:
                self.connect().sendall(body)
            except OSError:
                pass  # cut off
        self.check_memory()

    def test_clients_that_do_not_read(self):
        self.start('max_buffered = "2MiB"')
        some = post(self.request) * 4000
        for _ in range(60):
            connection = self.connect()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setblocking(False)
            try:
                for _ in range(40):
                    connection.send(some)
            except OSError:
                pass  # it takes no more, or has cut us off
        process.until(lambda: self.limit("memory") > 0, "those who take nothing are cut off")
        self.check_memory()


if __name__ == "__main__":
    Flooded.muster = sys.argv.pop(1)
    unittest.main(verbosity=2)
