#include <gtest/gtest.h>

#include "muster/pki/authority.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"

namespace muster::pki {
namespace {

using muster::testing::CertificateSpec;
using muster::testing::Identity;
using muster::testing::issue;
using muster::testing::make_name;
using muster::testing::run_process;
using muster::testing::standard_pki;
using muster::testing::TempDir;

/// The CertID that openssl ocsp puts into a request.
Buffer openssl_cert_id(const Identity& issuer, const Identity& leaf, const std::string& hash) {
  const TempDir dir;
  const auto r =
      run_process({"openssl", "ocsp", "-" + hash, "-issuer", issuer.write(dir, "issuer"), "-cert",
                   leaf.write(dir, "leaf"), "-no_nonce", "-reqout", dir.file("request.der")});
  EXPECT_EQ(r.exit_code, 0) << r.describe();
  const Buffer der = muster::testing::read_octets(dir.file("request.der"));
  const auto request = ocsp::parse_request(der);
  EXPECT_TRUE(request);
  return to_buffer(request->requests.at(0).cert_id.raw);
}

TEST(Digest, GivesThePublishedValues) {
  EXPECT_EQ(to_hex(digest(HashAlgorithm::kSha1, as_bytes("abc"))),
            "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(to_hex(digest(HashAlgorithm::kSha256, as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(digest(HashAlgorithm::kSha384, as_bytes(""))),
            "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2"
            "f14898b95b");
  EXPECT_EQ(to_hex(digest(HashAlgorithm::kSha512, as_bytes(""))).substr(0, 32),
            "cf83e1357eefb8bdf1542850d66d8007");
}

// req: OCSP-COD-004 OCSP-COD-005
TEST(CertId, IsThatOfOpensslForEveryHash) {
  const auto& pki = standard_pki();
  for (const auto& [hash, name] :
       {std::pair(HashAlgorithm::kSha1, "sha1"), std::pair(HashAlgorithm::kSha256, "sha256"),
        std::pair(HashAlgorithm::kSha384, "sha384"), std::pair(HashAlgorithm::kSha512, "sha512")}) {
    const Buffer theirs = openssl_cert_id(pki.intermediate, pki.leaf, name);
    const ocsp::CertId ours =
        make_cert_id(hash, pki.leaf.certificate, pki.intermediate.certificate);
    EXPECT_EQ(to_hex(ours.der()), to_hex(theirs)) << name;
    const auto view = ocsp::parse_cert_id(theirs);
    ASSERT_TRUE(view);
    EXPECT_TRUE(names(*view, pki.leaf.certificate, pki.intermediate.certificate));
    EXPECT_TRUE(names_issuer(*view, pki.intermediate.certificate));
    EXPECT_FALSE(names(*view, pki.other_leaf.certificate, pki.intermediate.certificate));
    EXPECT_FALSE(names(*view, pki.leaf.certificate, pki.root.certificate));
    EXPECT_FALSE(names_issuer(*view, pki.root.certificate));
  }
}

// req: OCSP-COD-004
TEST(CertId, HashesTheNameAsTheLeafHasItNotAsTheCaHasIt) {
  CertificateSpec ca_spec = muster::testing::ca_spec("Name CA");
  ca_spec.subject = make_name("Name CA", der::Tag::kPrintableString);
  const Identity ca = muster::testing::make_self_signed(ca_spec);
  CertificateSpec leaf_spec = muster::testing::leaf_spec();
  leaf_spec.issuer_name = make_name("Name CA", der::Tag::kUtf8String);
  const Identity leaf = issue(ca, leaf_spec);
  ASSERT_FALSE(equal(leaf.certificate.issuer(), ca.certificate.subject()));

  const ocsp::CertId id = make_cert_id(HashAlgorithm::kSha256, leaf.certificate, ca.certificate);
  EXPECT_EQ(to_hex(id.view().issuer_name_hash),
            to_hex(digest(HashAlgorithm::kSha256, *leaf_spec.issuer_name)));
  EXPECT_TRUE(names(id.view(), leaf.certificate, ca.certificate));
}

TEST(CertId, WithoutACertificateTakesTheSubjectOfTheCa) {
  const auto& pki = standard_pki();
  EXPECT_EQ(
      make_cert_id(HashAlgorithm::kSha256, pki.intermediate.certificate,
                   pki.leaf.certificate.serial()),
      make_cert_id(HashAlgorithm::kSha256, pki.leaf.certificate, pki.intermediate.certificate));
}

TEST(CertId, OfAnUnknownHashNamesNobody) {
  const auto& pki = standard_pki();
  const Buffer der =
      make_cert_id(HashAlgorithm::kSha1, pki.leaf.certificate, pki.intermediate.certificate).der();
  Buffer md5 = der;
  // SHA-1's OID 2B 0E 03 02 1A becomes 2B 0E 03 02 1B, which is nothing we know.
  const auto at = std::search(md5.begin(), md5.end(), std::begin(oid::kSha1), std::end(oid::kSha1));
  ASSERT_NE(at, md5.end());
  *(at + 4) = 0x1b;
  const auto view = ocsp::parse_cert_id(md5);
  ASSERT_TRUE(view);
  EXPECT_FALSE(names(*view, pki.leaf.certificate, pki.intermediate.certificate));
}

// req: OCSP-COD-006
TEST(ResponderId, ByKeyIsSha1OfTheKeyBitsWhateverTheCertIdUses) {
  const auto& signer = standard_pki().ocsp_signer;
  const Buffer expected = digest(HashAlgorithm::kSha1, signer.certificate.public_key_bits());
  EXPECT_EQ(to_buffer(signer.certificate.key_hash()), expected);
  // The subject key identifier made by openssl is the same hash of the same octets.
  const TempDir dir;
  const std::string key = dir.write("key.pem", signer.key_pem);
  const auto r =
      run_process({"openssl", "req", "-x509", "-new", "-key", key, "-subj", "/CN=x", "-addext",
                   "subjectKeyIdentifier=hash", "-outform", "DER", "-out", dir.file("c.der")});
  ASSERT_EQ(r.exit_code, 0) << r.describe();
  const auto theirs = load_certificates(dir.file("c.der"));
  ASSERT_TRUE(theirs);
  EXPECT_EQ(theirs->at(0).facts().subject_key_id, expected);
  EXPECT_EQ(theirs->at(0).key_hash(), signer.certificate.key_hash());
}

// req: OCSP-CLI-046
TEST(ResponderId, FindsItsCertificateByKeyAndByName) {
  const auto& pki = standard_pki();
  for (const Identity* signer : {&pki.ocsp_signer, &pki.intermediate}) {
    const ocsp::ResponderIdView by_key = ocsp::ResponderByKey{signer->certificate.key_hash()};
    const ocsp::ResponderIdView by_name = ocsp::ResponderByName{signer->certificate.subject()};
    EXPECT_TRUE(identifies(by_key, signer->certificate));
    EXPECT_TRUE(identifies(by_name, signer->certificate));
    EXPECT_FALSE(identifies(by_key, pki.root.certificate));
    EXPECT_FALSE(identifies(by_name, pki.root.certificate));
  }
  const Buffer respelt = make_name("ocsp RESPONDER", der::Tag::kPrintableString);
  EXPECT_TRUE(identifies(ocsp::ResponderByName{respelt}, pki.ocsp_signer.certificate));
  const Buffer short_hash(19, 0);
  EXPECT_FALSE(identifies(ocsp::ResponderByKey{short_hash}, pki.ocsp_signer.certificate));
}

}  // namespace
}  // namespace muster::pki
