#!/usr/bin/env python3
"""Defects that other responders had in what they answered about whom, driven from outside.

usage: answers_test.py MUSTER      Each test names the responder it learnt from.
"""
import datetime
import hashlib

from site_case import SiteCase, main
from kit import ocsp, process


class OtherIssuers(SiteCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.found_ca("other")

    def forged(self, name, issuer_of_name, issuer_of_key, hash_name="sha1"):
        digest = getattr(hashlib, hash_name)
        return ocsp.CertId(hash_name, digest(issuer_of_name.certificate.subject).digest(),
                           digest(issuer_of_key.certificate.key).digest(), self.ca.serial(name))

    # dotindustries, lamassu and cfssl's file source never compared the issuer: any CA's certificate with a known serial was good;
    # Golang's responder libraries leave it to the caller.
    # req: OCSP-RESP-011 OCSP-RESP-042
    def test_a_known_serial_under_another_issuer_is_unauthorized(self):
        running = self.start()
        for hash_name in ("sha1", "sha256", "sha384", "sha512"):
            for name in ("good", "revoked"):
                for by_name, by_key in ((self.other, self.other), (self.ca, self.other), (self.other, self.ca)):
                    if by_name.certificate.subject == self.ca.certificate.subject and by_key is self.ca:
                        continue  # both CAs are called "ca": the name alone tells nothing
                    answer = self.post(running, ocsp.request(self.forged(name, by_name, by_key, hash_name)))[1]
                    self.assertEqual((answer.status, answer.singles), ("unauthorized", []))

    def test_a_right_key_under_a_wrong_name_is_unauthorized(self):
        running = self.start()
        right = self.ca.id("good")
        wrong = ocsp.CertId("sha1", bytes(20), right.key_hash, right.serial)
        self.assertEqual(self.post(running, ocsp.request(wrong))[1].status, "unauthorized")

    # DorianCoding with extended-revoke on called every other CA's certificate revoked, signed.
    # req: OCSP-RESP-007
    def test_extended_revoke_speaks_of_our_own_serials_only(self):
        running = self.start("--unissued", "revoked")
        self.assertEqual(self.ask(running, "unknown"), "revoked")
        single = self.post(running, ocsp.request(self.ca.id("unknown")))[1].singles[0]
        self.assertEqual(single.revoked_at, datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc))
        for name in ("good", "revoked", "unknown"):
            self.assertEqual(self.ask(running, name, ca=self.other), "unauthorized")


class TwoIssuers(SiteCase):
    # openssl's index has no column for the issuer, DorianCoding's cache and cfssl's file source knew answers by serial alone.
    def test_one_serial_of_two_cas_has_two_statuses(self):
        first, second = self.found_ca("first"), self.found_ca("second")
        # The second CA issued the same numbers, and revoked just the other one.
        second.index.write_text("".join(
            line for line in second.index.read_text().splitlines(True) if "/CN=ocsp" in line.lower() or "signer" in line) + "".join(
                f"{state}\t401231235959Z\t{when}\t{first.serial(name):040X}\tunknown\t/CN={name}\n"
                for name, state, when in (("good", "R", "261101000000Z,superseded"), ("revoked", "V", ""))))
        path = self.dir / "two.toml"
        path.write_text("[responder]\n" + "".join(f"""[[responder.issuer]]
ca = "{ca.path('ca.pem')}"
signer = "{ca.path('ocsp.pem')}"
key = "{ca.path('ocsp.key')}"
index = "{ca.index}"
""" for ca in (first, second)))
        running = self.start("--config", path)
        for hash_name in ("sha1", "sha256", "sha1", "sha256"):  # asked again: remembered answers too
            for name, words in (("good", ("good", "revoked")), ("revoked", ("revoked", "good"))):
                ids = [ocsp.cert_id(ca.certificate, first.serial(name), hash_name) for ca in (first, second)]
                self.assertEqual(tuple(self.post(running, ocsp.request(i))[1].word() for i in ids), words)


class RememberedAnswers(SiteCase):
    # XiPKI's cache forgot the CertID's hash, EJBCA's pre-signer knew only one: a SHA-256 client got a SHA-1 CertID.
    # req: OCSP-RESP-022
    def test_each_hash_gets_its_own_cert_id_however_often_it_asks(self):
        running = self.start()
        for hash_name in ("sha1", "sha256", "sha1", "sha512", "sha256", "sha384", "sha1"):
            for name, word in (("good", "good"), ("revoked", "revoked"), ("unknown", "unknown")):
                cert_id = self.ca.id(name, hash_name)
                answer = self.post(running, ocsp.request(cert_id))[1]
                self.assertEqual(([s.cert_id for s in answer.singles], answer.word()), ([cert_id.encode()], word))

    # A remembered answer must never outlive what the CA says.
    # req: OCSP-RESP-004
    def test_a_revocation_is_seen_by_those_who_asked_before(self):
        ca = self.found_ca("remembered")
        running = self.start(ca=ca)
        for hash_name in ("sha1", "sha256"):
            self.assertEqual(self.ask(running, "good", hash_name, ca=ca), "good")
        ca.revoke("good", "superseded")
        running.wait_for(r"source loaded.*revoked=2")
        for hash_name in ("sha1", "sha256"):
            self.assertEqual(self.ask(running, "good", hash_name, ca=ca), "revoked")


class Content(SiteCase):
    # Dogtag's default: never issued is good, and no nextUpdate.
    # req: OCSP-RESP-044 OCSP-RESP-062 OCSP-RESP-063
    def test_by_default_the_never_issued_is_unknown_and_next_update_is_there(self):
        running = self.start()
        for name, word in (("good", "good"), ("revoked", "revoked"), ("unknown", "unknown")):
            single = self.post(running, ocsp.request(self.ca.id(name)))[1].singles[0]
            self.assertEqual(single.status, word)
            self.assertGreater(single.next_update, single.this_update)

    # Vault and OpenBao always say "unspecified", Dogtag drops the reason.
    # req: OCSP-RESP-013
    def test_reason_and_time_are_those_of_the_ca(self):
        reasons = {"keyCompromise": 1, "CACompromise": 2, "affiliationChanged": 3, "superseded": 4, "cessationOfOperation": 5,
                   "certificateHold": 6, "unspecified": None}
        ca = self.found_ca("reasons")
        for reason in reasons:
            ca.issue(reason)
            ca.revoke(reason, reason)
        times = {int(line.split("\t")[3], 16): line.split("\t")[2].partition(",")[0] for line in ca.index.read_text().splitlines()}
        running = self.start(ca=ca)
        for reason, code in reasons.items():
            single = self.post(running, ocsp.request(ca.id(reason)))[1].singles[0]
            with self.subTest(reason=reason):
                self.assertEqual((single.status, single.reason), ("revoked", code))
                self.assertEqual(f"{single.revoked_at:%y%m%d%H%M%SZ}", times[ca.serial(reason)])

    # Vault and OpenBao signed with PKCS#1 v1.5 where PSS was configured.
    # req: OCSP-RESP-071
    def test_pss_stays_pss(self):
        ca = self.found_ca("pss")
        ca.issue("ocsp", "signer", subject="RSA signer", key="rsa")
        for scheme, shown in (("rsa-pss-sha256", "rsassaPss"), ("rsa-pss-sha512", "rsassaPss"), ("rsa-sha256", "sha256WithRSA")):
            running = self.start(*self.config(f'index = "{ca.index}"\nsignature = "{scheme}"', ca=ca))
            done = process.run("openssl", "ocsp", "-issuer", ca.path("ca.pem"), "-cert", ca.path("good.pem"), "-CAfile",
                               ca.path("ca.pem"), "-url", running.url, "-resp_text")
            self.assertIn("Response verify OK", done.err)
            algorithm = done.out.split("Signature Algorithm: ")[1].split()[0]
            self.assertTrue(algorithm.startswith(shown), algorithm)

    # Go rejects an embedded issuer certificate and reads the first one only (golang/go#81395).
    # req: OCSP-RESP-039
    def test_the_delegate_alone_rides_along_and_nothing_when_the_ca_signs(self):
        self.assertEqual(self.post(self.start(), ocsp.request(self.ca.id("good")))[1].certificates, 1)
        path = self.dir / "direct.toml"
        path.write_text(f'[responder]\n[[responder.issuer]]\nca = "{self.ca.path("ca.pem")}"\nkey = "{self.ca.path("ca.key")}"\n'
                        f'index = "{self.ca.index}"\n')
        direct = self.start("--config", path)
        self.assertEqual(self.post(direct, ocsp.request(self.ca.id("good")))[1].certificates, 0)
        self.assertEqual(self.openssl(direct, "good"), "good")


if __name__ == "__main__":
    main()
