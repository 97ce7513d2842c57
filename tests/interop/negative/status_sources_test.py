#!/usr/bin/env python3
"""Defects that other responders had in taking status from the CA, driven from outside.

usage: status_sources_test.py MUSTER      Each test names the responder it learnt from.
"""
import datetime
import hashlib
import http.server
import os
import pathlib
import signal
import socket
import threading

from site_case import SiteCase, main
from kit import http_client, ocsp, process, responder


class Crls(SiteCase):
    """One CA for each test: they publish what they like."""

    def setUp(self):
        self.own = self.found_ca(f"own{len(list(self.dir.iterdir()))}")
        self.crl = self.own.crl("ca.crl")

    def serve(self, unlisted="good"):
        running = self.start("--crl", self.crl, "--unlisted", unlisted, ca=self.own)
        self.assertEqual(self.said(running), {"good": "good", "revoked": "revoked"})
        return running

    def said(self, running):
        return {name: self.ask(running, name, ca=self.own) for name in ("good", "revoked")}

    def replace(self, content):
        """By rename, as careful publishers do."""
        fresh = pathlib.Path(self.own.path("fresh.crl"))
        fresh.write_bytes(content)
        fresh.rename(self.crl)

    def refused(self, running, mark):
        """Until the log says that something was refused and the old state stays."""
        return running.wait_for(r"source\.(refused|missing)", mark)

    # OpenCA ocspd freed the old CRL before it had the new one: revoked certificates turned good until the next look.
    # req: OCSP-RESP-004
    def test_a_bad_new_crl_changes_nothing_whatever_is_bad_about_it(self):
        running = self.serve()
        octets = ocsp.pem_to_der(pathlib.Path(self.crl).read_text(), "X509 CRL")
        middle = len(octets) // 2
        for what, content in {"empty": b"", "junk": os.urandom(2000), "half": octets[:middle], "one octet more": octets + b"\0",
                              "one octet other": octets[:middle] + bytes([octets[middle] ^ 1]) + octets[middle + 1:],
                              "a certificate": pathlib.Path(self.own.path("ca.pem")).read_bytes()}.items():
            with self.subTest(what=what):
                mark = running.daemon.mark()
                self.replace(content)
                self.refused(running, mark)
                self.assertEqual(self.said(running), {"good": "good", "revoked": "revoked"})
                self.replace(octets)
                running.wait_for(r"source\.(part_)?recovered", mark)

    # req: OCSP-RESP-004
    def test_a_crl_that_is_gone_changes_nothing(self):
        running = self.serve()
        pathlib.Path(self.crl).unlink()
        self.refused(running, 0)
        self.assertEqual(self.said(running), {"good": "good", "revoked": "revoked"})
        self.own.revoke("good")
        self.own.crl("ca.crl")
        running.wait_for("revoked=2")
        self.assertEqual(self.said(running), {"good": "revoked", "revoked": "revoked"})

    # OpenCA verified the first CRL only, Dogtag's pull store none: here one comes that another key signed, in our CA's name.
    def test_a_crl_with_another_key_is_refused_at_start_and_later(self):
        impostor = self.found_ca("impostor")
        impostor.crl_number = 50
        running = self.serve()
        self.replace(pathlib.Path(impostor.crl("ca.crl")).read_bytes())
        self.assertRegex(self.refused(running, 0).string, "signature")
        self.assertEqual(self.said(running), {"good": "good", "revoked": "revoked"})
        with self.assertRaisesRegex(process.Failed, "signature"):
            responder.Responder(self.muster, "--ca", self.own.path("ca.pem"), "--signer", self.own.path("ocsp.pem"), "--key",
                                self.own.path("ocsp.key"), "--crl", self.crl, "--unlisted", "good")

    # A rolled-back CRL would forgive what was revoked since.
    def test_an_older_crl_is_refused(self):
        old = pathlib.Path(self.crl).read_bytes()
        self.own.revoke("good")
        self.own.crl("ca.crl")
        running = self.start("--crl", self.crl, "--unlisted", "good", ca=self.own)
        self.assertEqual(self.said(running), {"good": "revoked", "revoked": "revoked"})
        self.replace(old)
        self.assertRegex(self.refused(running, 0).string, "older|number")
        self.assertEqual(self.said(running), {"good": "revoked", "revoked": "revoked"})

    # OpenCA's lookups took no lock while a reload freed what they read.
    # req: OCSP-RESP-004
    def test_those_who_ask_while_crls_come_get_nothing_but_the_truth(self):
        running, over, wrong, asked = self.serve(), threading.Event(), [], [0] * 4

        def ask(number):
            with socket.create_connection(running.address, timeout=process.DEADLINE) as connection, connection.makefile("rb") as stream:
                while not over.is_set():
                    for name in ("good", "revoked"):  # a nonce each time: signed anew, from what is there now
                        body = ocsp.request(self.own.id(name), nonce=os.urandom(16))
                        connection.sendall(f"POST / HTTP/1.1\r\nHost: o\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                        message = http_client.read_message(stream)
                        word = ocsp.parse_response(message.body).word() if message else "no answer"
                        asked[number] += 1
                        if word != name:
                            wrong.append((name, word))
        askers = [threading.Thread(target=ask, args=(number,)) for number in range(len(asked))]
        for asker in askers:
            asker.start()
        try:
            for _ in range(8):
                mark, before = running.daemon.mark(), list(asked)
                self.own.crl("ca.crl")
                running.daemon.send(signal.SIGHUP)
                running.wait_for(r"source\.loaded", mark)
                process.until(lambda: wrong or all(now > then for now, then in zip(asked, before)), "everybody has asked meanwhile")
        finally:
            over.set()
            for asker in askers:
                asker.join(process.DEADLINE)
        self.assertEqual(wrong, [])

    # dotindustries went on answering good from a stale CRL.
    # req: OCSP-RESP-009
    def test_a_crl_past_its_next_update_is_no_ground_for_good(self):
        process.must("openssl", "ca", "-config", self.own.path("ca.cnf"), "-gencrl", "-crlsec", "3", "-out", self.crl)
        running = self.start("--crl", self.crl, "--unlisted", "good", ca=self.own)
        answer = self.post(running, ocsp.request(self.own.id("good")))[1]
        if answer.status == "successful":  # not yet over: then no answer may outlive the CRL
            text = process.must("openssl", "crl", "-in", self.crl, "-noout", "-nextupdate", "-dateopt", "iso_8601").out
            end = datetime.datetime.fromisoformat(text.strip().partition("=")[2].replace("Z", "+00:00"))
            self.assertLessEqual(answer.singles[0].next_update, end)
        process.until(lambda: self.ask(running, "good", ca=self.own) == "tryLater", "the stale CRL is given up")
        self.assertIn(self.ask(running, "revoked", ca=self.own), ("tryLater", "revoked"))

    # Dogtag and openca call every unlisted serial good without being told to; here somebody must decide.
    def test_unlisted_is_what_the_operator_said(self):
        for word in ("unknown", "unauthorized"):
            running = self.start("--crl", self.crl, "--unlisted", word, ca=self.own)
            self.assertEqual(self.said(running), {"good": word, "revoked": "revoked"})


class CrlHosts(SiteCase):
    # OpenCA ocspd freed the CRL and then downloaded, in a signal handler with the lock held: while the host hung nobody was answered,
    # and when it failed revoked certificates were good.
    # req: OCSP-RESP-004
    def test_a_host_that_hangs_or_lies_takes_nothing_away(self):
        crl = ocsp.pem_to_der(pathlib.Path(self.ca.crl("ca.crl")).read_text(), "X509 CRL")
        release, asked, serve = threading.Event(), threading.Semaphore(0), [lambda handler: handler.give(200, crl)]
        self.addCleanup(release.set)

        class Host(http.server.BaseHTTPRequestHandler):
            def give(self, code, body, length=None):
                self.send_response(code)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

            def do_GET(self):
                what = serve[0]
                asked.release()
                what(self)

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

        # A fetch may take far longer than an answer: nobody is to wait for it.
        running = self.start(*self.config(f'''unlisted = "good"
[responder.issuer.crls]
sources = ["http://127.0.0.1:{server.server_port}/ca.crl"]
refresh = "1s"
timeout = "{2 * process.DEADLINE:.0f}s"'''))
        said = lambda: [self.ask(running, name) for name in ("good", "revoked")]  # noqa: E731
        process.until(lambda: said() == ["good", "revoked"], "the CRL has come")
        impostor = self.found_ca("impostor")
        impostor.crl_number = 50
        forged = ocsp.pem_to_der(pathlib.Path(impostor.crl("ca.crl")).read_text(), "X509 CRL")
        faults = {"hangs": lambda h: release.wait(2 * process.DEADLINE), "forges": lambda h: h.give(200, forged), "is gone": lambda h: h.give(404, b"no such page"),
                  "shows a page": lambda h: h.give(200, b"<html>please log in</html>"), "sends half": lambda h: h.give(200, crl[:len(crl) // 2]),
                  "promises more": lambda h: h.give(200, crl, len(crl) + 100), "is empty": lambda h: h.give(200, b"")}
        for what, fault in faults.items():
            with self.subTest(host=what):
                serve[0], mark = fault, running.daemon.mark()
                while asked.acquire(blocking=False):
                    pass
                running.daemon.send(signal.SIGHUP)  # asks at once, however long it has backed off
                self.assertTrue(asked.acquire(timeout=process.DEADLINE), "the host was asked")
                if what != "hangs":
                    running.wait_for(r"source\.refused", mark)
                self.assertEqual(said(), ["good", "revoked"])
                release.set()


class Nothing(SiteCase):
    # dotindustries without a CRL called every certificate good.
    # req: OCSP-RESP-009
    def test_without_any_data_nothing_is_good(self):
        running = self.start(*self.config(responder_keys=f'store = "{self.dir}/empty"'))
        for name in ("good", "revoked", "unknown"):
            self.assertIn(self.ask(running, name), ("unknown", "tryLater", "unauthorized"))


class Index(SiteCase):
    # openssl's responder gives no SingleResponse for entries that the index calls expired.
    # req: OCSP-RESP-020
    def test_expired_entries_are_answered(self):
        ca = self.found_ca("expired")
        lines = ca.index.read_text().splitlines()
        serial = f"{ca.serial('good'):X}"
        lines = [line.replace("V\t", "E\t", 1) if serial in line else line for line in lines]
        ca.index.write_text("".join(line + "\n" for line in lines))
        running = self.start(ca=ca)
        answer = self.post(running, ocsp.request(ca.id("good"), ca.id("revoked")))[1]
        self.assertEqual([s.status for s in answer.singles], ["good", "revoked"])

    # openssl's responder lost every record after a reload of a half-written file (openssl#6006).
    # req: OCSP-RESP-004
    def test_a_bad_index_changes_nothing(self):
        ca = self.found_ca("damaged")
        running = self.start(ca=ca)
        whole = ca.index.read_bytes()
        for content in (b"", whole[:len(whole) // 2], whole[:-1], b"X" + whole, whole.replace(b"\t", b" ")):
            mark = running.daemon.mark()
            fresh = pathlib.Path(ca.path("fresh.txt"))
            fresh.write_bytes(content)
            fresh.rename(ca.index)
            running.wait_for(r"source\.refused", mark)
            self.assertEqual([self.ask(running, name, ca=ca) for name in ("good", "revoked")], ["good", "revoked"])


class Disk(SiteCase):
    # DorianCoding wrote a file for each unknown serial that strangers asked about.
    def test_unknown_serials_leave_no_trace_on_disk(self):
        store = self.dir / "store"
        running = self.start("--store", store)

        def contents():
            return {path.name: (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest() if "lock" not in path.name else "")
                    for path in sorted(store.rglob("*")) if path.is_file()}
        self.assertEqual(self.ask(running, "good"), "good")
        before, issuer = contents(), self.ca.certificate
        for number in range(500):
            answer = self.post(running, ocsp.request(ocsp.cert_id(issuer, 10 ** 40 + number)))[1]
            self.assertEqual(answer.word(), "unknown")
        self.assertEqual(contents(), before)


if __name__ == "__main__":
    main()
