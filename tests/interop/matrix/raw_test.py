#!/usr/bin/env python3
"""Raw requests and the answers the standard expects. usage: raw_test.py MUSTER"""
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import bench  # noqa: E402
import raw  # noqa: E402
from kit import der, http_client, ocsp  # noqa: E402

MUSTER = None


class RawRequests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bench = bench.Bench(MUSTER)
        cls.addClassCleanup(cls.bench.close)

    def answer_to(self, encoded):
        return ocsp.parse_response(http_client.post(self.bench.responder.address, encoded).body)

    # req: OCSP-RESP-022 OCSP-RESP-032 OCSP-RESP-033 OCSP-RESP-054 OCSP-RESP-055 OCSP-RESP-056
    def test_each_method_hash_and_nonce_gets_what_the_standard_says(self):
        for (method, hash_name, length), got in raw.run(self.bench).items():
            with self.subTest(method=method, hash=hash_name, nonce=length):
                self.assertEqual(got, raw.NONCES[length])

    # req: OCSP-RESP-022
    def test_long_hashes_are_echoed_too(self):
        for hash_name in ("sha384", "sha512"):
            cert_id = self.bench.ca.id("good", hash_name)
            answer = self.answer_to(ocsp.request(cert_id))
            self.assertEqual([s.cert_id for s in answer.singles], [cert_id.encode()])
            self.assertEqual(answer.word(), "good")

    # req: OCSP-COD-001
    def test_a_cert_id_whose_parameters_are_absent_is_echoed_as_it_came(self):
        cert_id = self.bench.ca.id("good", "sha256")
        plain = der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, der.oid(ocsp.HASHES["sha256"])),
                        der.tlv(der.OCTET_STRING, cert_id.name_hash), der.tlv(der.OCTET_STRING, cert_id.key_hash),
                        der.integer(cert_id.serial))
        request = der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, plain))))
        answer = self.answer_to(request)
        self.assertEqual([s.cert_id for s in answer.singles], [plain])
        self.assertEqual(answer.word(), "good")

    # req: OCSP-RESP-020 OCSP-RESP-021
    def test_several_certificates_are_answered_in_the_order_asked(self):
        ids = [self.bench.ca.id(case, hash_name) for case in bench.CASES for hash_name in raw.HASHES]
        answer = self.answer_to(ocsp.request(*ids))
        self.assertEqual([s.cert_id for s in answer.singles], [i.encode() for i in ids])
        self.assertEqual([s.status for s in answer.singles], ["good", "good", "revoked", "revoked", "unknown", "unknown"])

    # req: OCSP-RESP-015
    def test_unknown_extensions_count_only_when_critical(self):
        cert_id = self.bench.ca.id("good")
        for critical, due in ((False, "good"), (True, "malformedRequest")):
            request = ocsp.request(cert_id, extensions=[ocsp.extension("1.3.6.1.4.1.99999.1", b"\x05\x00", critical)])
            self.assertEqual(self.answer_to(request).word(), due)

    # req: OCSP-RESP-057
    def test_a_remembered_answer_carries_nobodys_nonce(self):
        cert_id = self.bench.ca.id("good")
        for nonce in (b"a" * 32, None, b"b" * 32, None):
            self.assertEqual(self.answer_to(ocsp.request(cert_id, nonce=nonce)).nonce, nonce)


if __name__ == "__main__":
    MUSTER = sys.argv.pop(1)
    unittest.main()
