#!/usr/bin/env python3
"""Defects that other responders had in their HTTP, driven from outside.

usage: http_wire_test.py MUSTER      Each test names the responder it learnt from.
"""
import base64
import datetime
import email.utils
import pathlib
import os
import re
import socket
import time

from site_case import SiteCase, main
from kit import http_client, ocsp, process

HTTP_DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
                       r"\d\d:\d\d:\d\d GMT")


def instant(http_date):
    return email.utils.parsedate_to_datetime(http_date)


def max_age(message):
    return datetime.timedelta(seconds=int(re.search(r"max-age=(\d+)", message.header("Cache-Control"))[1]))


class GetPaths(SiteCase):
    # OpenCA ocspd cut a path with raw slashes at the last one; Go's router redirects "//".
    # req: OCSP-RESP-075 OCSP-RESP-076 OCSP-RESP-077
    def test_raw_slashes_pluses_and_equal_signs_are_part_of_the_request(self):
        running = self.start()
        wanted = {"slashes": lambda t: "///" in t, "pluses": lambda t: "++" in t, "ends with slash": lambda t: t.endswith("/"),
                  "padded": lambda t: t.endswith("=")}
        cert_id = self.ca.id("good")
        # Octets whose base64 is all slashes or all pluses, in each of the three places where they can begin.
        requests = [ocsp.request(cert_id, nonce=bytes(start) + pattern * 6)
                    for pattern in (b"\xff\xff\xff", b"\xfb\xef\xbe") for start in range(3)]
        for what, fits in wanted.items():
            encoded = next(r for r in requests if fits(base64.b64encode(r).decode()))
            text = base64.b64encode(encoded).decode()
            spellings = {"raw": text, "escaped": ocsp.get_tail(encoded), "lower-case escapes": ocsp.get_tail(encoded).replace(
                "%2F", "%2f").replace("%2B", "%2b"), "base64url": text.replace("+", "-").replace("/", "_"),
                "unpadded": text.rstrip("="), "one slash more": "/" + text}
            for spelling, tail in spellings.items():
                with self.subTest(what=what, spelling=spelling):
                    answer = ocsp.parse_response(http_client.get(running.address, "/" + tail).body)
                    self.assertEqual(answer.word(), "good")
                    self.assertEqual(answer.nonce, ocsp.parse_request(encoded).nonce)

    # XiPKI chose the service by path prefix: /ocspx was taken for /ocsp.
    def test_a_prefix_ends_where_a_path_segment_ends(self):
        running = self.start("--prefix", "/ocsp")
        tail = ocsp.get_tail(ocsp.request(self.ca.id("good")))
        self.assertEqual(ocsp.parse_response(http_client.get(running.address, f"/ocsp/{tail}").body).word(), "good")
        for path in (f"/ocspx/{tail}", f"/ocsx/{tail}", f"/{tail}", f"/x/ocsp/{tail}"):
            self.assertEqual(http_client.get(running.address, path).code, 404, path)


class Headers(SiteCase):
    # XiPKI wrote integers where dates are due; its POST had no such headers at all.
    # req: OCSP-RESP-046 OCSP-RESP-051
    def test_dates_are_http_dates_by_get_and_by_post(self):
        running = self.start()
        request = ocsp.request(self.ca.id("good"))
        by = {"GET": http_client.get(running.address, "/" + ocsp.get_tail(request)),
              "POST": http_client.post(running.address, request)}
        single = ocsp.parse_response(by["GET"].body).singles[0]
        for method, message in by.items():
            with self.subTest(method=method):
                for name in ("Date", "Last-Modified", "Expires"):
                    self.assertRegex(message.header(name), rf"^{HTTP_DATE.pattern}$", name)
                self.assertEqual(instant(message.header("Expires")), single.next_update)
                self.assertEqual(instant(message.header("Last-Modified")), single.this_update)
                self.assertRegex(message.header("ETag"), r'^"[0-9a-f]{64}"$')
                self.assertRegex(message.header("Cache-Control"), r"max-age=\d+")
                self.assertNotRegex(message.header("Cache-Control"), "no-store|no-cache")
                self.assertEqual(int(message.header("Content-Length")), len(message.body))
                self.assertEqual(message.header("Content-Type"), "application/ocsp-response")

    # XiPKI counted max-age from the signing time, EJBCA sent a default: caches kept answers beyond nextUpdate.
    # req: OCSP-RESP-049
    def test_max_age_counts_from_now_and_ends_before_next_update(self):
        running = self.start("--validity", "60s")
        path = "/" + ocsp.get_tail(ocsp.request(self.ca.id("good")))
        first = http_client.get(running.address, path)

        def later():
            message = http_client.get(running.address, path)
            return message if instant(message.header("Date")) >= instant(first.header("Date")) + datetime.timedelta(seconds=2) else None
        second = process.until(later, "two seconds pass")
        self.assertEqual(first.body, second.body, "the same remembered answer")
        for message in (first, second):
            single = ocsp.parse_response(message.body).singles[0]
            self.assertLess(instant(message.header("Date")) + max_age(message), single.next_update)
        self.assertLess(max_age(second), max_age(first))

    # XiPKI and EJBCA sent an ETag but never 304.
    # req: OCSP-RESP-048 OCSP-RESP-080
    def test_a_conditional_get_gets_304_until_the_answer_changes(self):
        running = self.start()
        path = "/" + ocsp.get_tail(ocsp.request(self.ca.id("good")))
        etag = http_client.get(running.address, path).header("ETag")
        for condition in (etag, f'"x", {etag}', f"W/{etag}", "*"):
            message = http_client.get(running.address, path, [("If-None-Match", condition)])
            self.assertEqual((message.code, message.body), (304, b""), condition)
            self.assertEqual(message.header("ETag"), etag)
            self.assertRegex(message.header("Date"), HTTP_DATE)
            self.assertIn("max-age=", message.header("Cache-Control"))
        self.assertEqual(http_client.get(running.address, path, [("If-None-Match", '"other"')]).code, 200)


class Errors(SiteCase):
    # Vault and OpenBao sent OCSP errors with HTTP 400, 401 and 500, Boulder with 400 and 533; Dogtag said internalError, or an empty
    # 200; DorianCoding said tryLater to malformed requests.
    # req: OCSP-RESP-001 OCSP-RESP-009 OCSP-RESP-052 OCSP-RESP-079
    def test_every_error_is_an_ocsp_answer_with_http_200(self):
        running = self.start()
        other = self.found_ca("other")
        good = ocsp.request(self.ca.id("good"))
        due = {b"": "malformedRequest", b"junk": "malformedRequest", good + b"\0": "malformedRequest", good[:-1]: "malformedRequest",
               ocsp.request(): "malformedRequest", ocsp.request(other.id("good")): "unauthorized"}
        for body, status in due.items():
            with self.subTest(body=body[:20]):
                message, answer = self.post(running, body)
                self.assertEqual((message.code, answer.status), (200, status))
                self.assertRegex(message.header("Cache-Control"), "no-store|no-cache")
        message = http_client.get(running.address, "/!!!!")
        self.assertEqual((message.code, ocsp.parse_response(message.body).status), (200, "malformedRequest"))

    # The same, over every damage of one octet and every cut: nothing may become internalError, tryLater, or silence.
    # req: OCSP-RESP-001
    def test_damaged_requests_are_malformed_or_about_something_else(self):
        running = self.start()
        cert_id = self.ca.id("good")
        whole = ocsp.request(cert_id, nonce=bytes(16))
        damaged = [whole[:n] for n in range(len(whole))]
        damaged += [whole[:n] + bytes([whole[n] ^ flip]) + whole[n + 1:] for n in range(len(whole)) for flip in (0x01, 0x20, 0xFF)]
        with socket.create_connection(running.address, timeout=process.DEADLINE) as connection, connection.makefile("rb") as stream:
            for body in damaged:
                connection.sendall(f"POST / HTTP/1.1\r\nHost: ocsp\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                message = http_client.read_message(stream)
                self.assertEqual(message.code, 200)
                word = ocsp.parse_response(message.body).word()
                self.assertIn(word, ("malformedRequest", "unauthorized", "unknown", "good"), body.hex())
                if word == "good":  # only damage outside the CertID leaves it the question about this certificate
                    self.assertIn(cert_id.encode()[11:], body)

    # Boulder's sampled error log could never appear.
    def test_refusals_show_in_the_log_sampled(self):
        running = self.start()
        for _ in range(200):
            self.post(running, b"junk")
        running.wait_for(r"responder\.refused.*malformedRequest")
        self.assertLess(running.daemon.output().count("responder.refused"), 20)

    # EJBCA wrote a line for every request.
    def test_answers_are_not_logged_one_by_one(self):
        running = self.start()
        lines = running.daemon.mark()
        for _ in range(200):
            self.ask(running, "good")
        self.assertLess(running.daemon.mark() - lines, 5)


class Limits(SiteCase):
    # XiPKI read the whole body before it looked at its size; cfssl had no bound; DorianCoding took 3 MB.
    # req: OCSP-RESP-078
    def test_a_body_too_long_is_refused_before_it_is_sent(self):
        running = self.start()
        for length in (65_537, 3_000_000, 10 << 30, 10 ** 30):
            with self.subTest(length=length):
                message = http_client.exchange(running.address, f"POST / HTTP/1.1\r\nHost: o\r\nContent-Length: {length}\r\n\r\n".encode())
                self.assertIn(message.code, (400, 413))
        self.assertEqual(self.ask(running, "good"), "good")

    # req: OCSP-RESP-078
    def test_a_body_of_unknown_length_is_refused_where_the_limit_is(self):
        running = self.start()
        with socket.create_connection(running.address, timeout=process.DEADLINE) as connection, connection.makefile("rb") as stream:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: o\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.sendall((b"1000\r\n" + b"A" * 4096 + b"\r\n") * 17)  # it goes on, for all they know
            self.assertEqual(http_client.read_message(stream).code, 413)
            self.assertEqual(stream.read(), b"", "the connection ends")
        self.assertEqual(self.ask(running, "good"), "good")


class Visitors(SiteCase):
    # A port checker pinned a core of openssl for ever (openssl#23934); a browser's visit killed it (#3043).
    def test_a_port_scan_does_no_harm(self):
        running = self.start()
        probes = [b"", b"\r\n\r\n", b"\0" * 64, b"GET / HTTP/1.0\r\n\r\n", b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n",
                  b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"SSH-2.0-scan\r\n",
                  b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(64), b"GET /" + b"A" * 70_000, b"HELP\r\n",
                  b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nshort", b"A" * 100_000, os.urandom(4096)]
        for probe in probes * 5:
            with socket.create_connection(running.address, timeout=process.DEADLINE) as connection:
                try:
                    connection.sendall(probe)
                except OSError:
                    pass  # refused meanwhile: that is an answer too
        self.assertEqual(self.ask(running, "good"), "good")
        self.assertTrue(running.daemon.running())
        # With everybody gone it must rest: processor time over a stretch of real time.
        def ticks():
            fields = pathlib.Path(f"/proc/{running.daemon.pid}/stat").read_text().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])
        before, start = ticks(), time.monotonic()
        process.until(lambda: time.monotonic() - start > 1.0, "a second")
        self.assertLess((ticks() - before) / os.sysconf("SC_CLK_TCK"), 0.3)

    # One silent client stopped openssl's responder for all.
    def test_silent_and_slow_clients_hold_up_nobody(self):
        running = self.start("--loops", "1")
        silent = [socket.create_connection(running.address, timeout=process.DEADLINE) for _ in range(100)]
        try:
            for number, connection in enumerate(silent):
                connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 90\r\n\r\n0"[:number])
            self.assertEqual(self.ask(running, "good"), "good")
            for connection in silent:  # it was not that they had been sent away first
                connection.setblocking(False)
                with self.assertRaises(BlockingIOError):
                    connection.recv(1)
        finally:
            for connection in silent:
                connection.close()


if __name__ == "__main__":
    main()
