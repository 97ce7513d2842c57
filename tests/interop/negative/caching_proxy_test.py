#!/usr/bin/env python3
"""Answers through a shared cache (nginx): kept where that is safe, and only there.

usage: caching_proxy_test.py MUSTER      77 when nginx is not installed
"""
import datetime
import email.utils

from site_case import SiteCase, main
from kit import http_client, ocsp, process


class SharedCache(SiteCase):
    def setUp(self):
        self.running = self.start()
        port = process.free_port()
        self.address = ("127.0.0.1", port)
        temp = "".join(f"{kind}_temp_path {self.dir}/nginx-{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = self.dir / f"nginx-{port}.conf"
        config.write_text(f"""
daemon off;
master_process off;
pid {self.dir}/nginx-{port}.pid;
error_log {self.dir}/nginx-{port}.log;
events {{}}
http {{
access_log off;
{temp}
proxy_cache_path {self.dir}/cache-{port} keys_zone=ocsp:1m;
server {{
  listen 127.0.0.1:{port};
  location / {{
    proxy_pass http://127.0.0.1:{self.running.address[1]};
    proxy_cache ocsp;
    proxy_cache_methods GET HEAD POST;
    proxy_cache_key $request_method$request_uri$request_body;
    add_header X-Cache $upstream_cache_status;
  }}
}}
}}""")
        nginx = process.Daemon(process.find("nginx"), "-c", config, "-e", f"{self.dir}/nginx-{port}.log")
        self.addCleanup(nginx.stop)
        nginx.wait_for_port(port)

    def get(self, encoded):
        return http_client.get(self.address, "/" + ocsp.get_tail(encoded))

    # req: OCSP-RESP-046 OCSP-RESP-049
    def test_get_answers_are_served_from_the_cache_while_fresh(self):
        for name, word in (("good", "good"), ("revoked", "revoked")):
            request = ocsp.request(self.ca.id(name))
            first, second = self.get(request), self.get(request)
            self.assertEqual((first.header("X-Cache"), second.header("X-Cache")), ("MISS", "HIT"))
            self.assertEqual(first.body, second.body)
            answer = ocsp.parse_response(second.body)
            self.assertEqual(answer.word(), word)
            age = int(second.header("Cache-Control").partition("max-age=")[2].partition(",")[0])
            until = email.utils.parsedate_to_datetime(first.header("Date")) + datetime.timedelta(seconds=age)
            self.assertLess(until, answer.singles[0].next_update)

    # The answer must fit the question even where a cache is as eager as this one.
    # req: OCSP-RESP-022 OCSP-RESP-057
    def test_other_hashes_and_nonces_are_other_questions(self):
        for hash_name in ("sha1", "sha256"):
            for nonce in (None, b"a" * 32, b"b" * 32):
                cert_id = self.ca.id("good", hash_name)
                answer = ocsp.parse_response(self.get(ocsp.request(cert_id, nonce=nonce)).body)
                self.assertEqual(([s.cert_id for s in answer.singles], answer.nonce), ([cert_id.encode()], nonce))

    # req: OCSP-RESP-052
    def test_errors_are_not_kept(self):
        other = self.found_ca("other")
        for request, status in ((b"junk", "malformedRequest"), (ocsp.request(other.id("good")), "unauthorized")):
            for _ in range(2):
                message = self.get(request)
                self.assertEqual(ocsp.parse_response(message.body).status, status)
                self.assertNotEqual(message.header("X-Cache"), "HIT")

    # req: OCSP-RESP-081
    def test_a_post_answer_does_not_offer_itself_for_the_url(self):
        message = http_client.post(self.running.address, ocsp.request(self.ca.id("good")))
        self.assertIsNone(message.header("Content-Location"))
        http_client.post(self.address, ocsp.request(self.ca.id("good")))
        answer = ocsp.parse_response(http_client.post(self.address, ocsp.request(self.ca.id("revoked"))).body)
        self.assertEqual(answer.word(), "revoked")


if __name__ == "__main__":
    main("nginx")
