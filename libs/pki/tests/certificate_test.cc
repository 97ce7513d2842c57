#include "muster/pki/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/pki/keys.h"
#include "muster/pki/native.h"
#include "muster/testing/pki_builder.h"

namespace muster::pki {
namespace {

using muster::testing::CertificateSpec;
using muster::testing::issue;
using muster::testing::make_name;
using muster::testing::standard_pki;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Buffer octets(std::string_view hex) { return *from_hex(hex); }

/// A leaf of the standard PKI with one more extension.
Buffer leaf_der_with(Bytes oid, std::string_view value_hex, bool critical = false) {
  CertificateSpec spec;
  spec.extensions = {{to_buffer(oid), critical, octets(value_hex)}};
  return muster::testing::make_certificate_der(
      spec, muster::testing::cached_key(muster::testing::KeyKind::kP256),
      standard_pki().intermediate.certificate.subject(), standard_pki().intermediate.key);
}
CertificateFacts facts_with(Bytes oid, std::string_view value_hex, bool critical = false) {
  const auto parsed = Certificate::parse(leaf_der_with(oid, value_hex, critical));
  EXPECT_TRUE(parsed) << parsed.error().detail;
  return parsed->facts();
}
void expect_bad_extension(Bytes oid, std::string_view value_hex) {
  const auto parsed = Certificate::parse(leaf_der_with(oid, value_hex));
  ASSERT_FALSE(parsed) << value_hex;
  EXPECT_EQ(parsed.error().code, PkiErrc::kBadExtension) << parsed.error().detail;
}

TEST(ParseDecoded, KeepsWhatOpensslHasDecodedIfItIsTheSame) {
  const auto& pki = standard_pki();
  const Certificate& leaf = pki.leaf.certificate;
  const auto same = parse_decoded(leaf.der(), native_x509(leaf));
  ASSERT_TRUE(same);
  EXPECT_EQ(native_x509(*same), native_x509(leaf));
  for (x509_st* other : {native_x509(pki.other_leaf.certificate), static_cast<x509_st*>(nullptr)}) {
    const auto parsed = parse_decoded(leaf.der(), other);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, leaf);
    EXPECT_NE(native_x509(*parsed), other);
    EXPECT_TRUE(verify_issued_by(*parsed, pki.intermediate.certificate));
  }
  EXPECT_FALSE(parse_decoded(Buffer{0x30, 0x00}, native_x509(leaf)));
}

TEST(Certificate, ACompactOneIsTheSame) {
  const auto& pki = standard_pki();
  const auto leaf = Certificate::parse(pki.leaf.certificate.der());
  ASSERT_TRUE(leaf);
  EXPECT_EQ(leaf->compact().der().data(), leaf->der().data()) << "as small as can be: one object";
  x509_st* const decoded = native_x509(*leaf);
  const Certificate compact = leaf->compact();
  EXPECT_EQ(compact, *leaf);
  EXPECT_EQ(compact.fingerprint(), leaf->fingerprint());
  EXPECT_EQ(compact.facts().access.ocsp, leaf->facts().access.ocsp);
  EXPECT_NE(native_x509(compact), decoded);
  EXPECT_EQ(native_x509(*leaf), decoded);
  EXPECT_TRUE(verify_issued_by(compact, pki.intermediate.certificate.compact()));
}

TEST(Certificate, TellsWhatItSays) {
  CertificateSpec spec = muster::testing::leaf_spec("www.example");
  spec.serial = octets("00e6");
  spec.not_before = unix_seconds(1795000000);
  spec.not_after = unix_seconds(1796000000);
  const auto& ca = standard_pki().intermediate;
  const Certificate c = issue(ca, spec).certificate;
  EXPECT_EQ(c.subject_text(), der::name_to_string(make_name("www.example")));
  EXPECT_TRUE(equal(c.issuer(), ca.certificate.subject()));
  EXPECT_EQ(c.issuer_text(), ca.certificate.subject_text());
  EXPECT_EQ(to_hex(c.serial().octets()), "00e6");
  EXPECT_EQ(c.not_before(), *spec.not_before);
  EXPECT_EQ(c.not_after(), *spec.not_after);
  EXPECT_FALSE(c.is_self_issued());
  EXPECT_TRUE(standard_pki().root.certificate.is_self_issued());
  EXPECT_EQ(c.public_key_bits().size(), 65u);
  EXPECT_EQ(c.public_key_bits()[0], 4);  // the unused-bits octet is not part of it
  EXPECT_FALSE(c.facts().is_ca);
  EXPECT_EQ(c.facts().key_usage, 1);
  EXPECT_TRUE(c.facts().has_extended_key_usage);
  EXPECT_FALSE(c.facts().eku_ocsp_signing);
  EXPECT_EQ(c.facts().authority_key_id, to_buffer(ca.certificate.key_hash()));
  EXPECT_FALSE(c.extension(oid::kCeNoRevAvail));
  EXPECT_TRUE(c.extension(oid::kCeKeyUsage));
  EXPECT_EQ(to_buffer(c.fingerprint()), digest(HashAlgorithm::kSha256, c.der()));
}

TEST(Certificate, GivesTheValueOfAnExtensionWhenItIsAskedFor) {
  const Certificate& leaf = standard_pki().leaf.certificate;
  const auto usage = leaf.extension(oid::kCeKeyUsage);
  ASSERT_TRUE(usage);
  EXPECT_EQ(to_hex(*usage), "03020780");        // digitalSignature
  EXPECT_GE(usage->data(), leaf.der().data());  // a view of the certificate, not of a copy
  EXPECT_LE(usage->data() + usage->size(), leaf.der().data() + leaf.der().size());
  CertificateSpec spec;
  spec.version_1 = true;
  const Certificate bare = issue(standard_pki().intermediate, spec).certificate;
  EXPECT_FALSE(bare.extension(oid::kCeKeyUsage));
  EXPECT_THAT(bare.distribution_points(), IsEmpty());
}

TEST(Certificate, OfACaSaysSo) {
  const CertificateFacts& facts = standard_pki().intermediate.certificate.facts();
  EXPECT_TRUE(facts.is_ca);
  EXPECT_EQ(facts.key_usage, (1 << 0) | (1 << 5) | (1 << 6));
}

TEST(Certificate, OfADelegateSaysSo) {
  const CertificateFacts& facts = standard_pki().ocsp_signer.certificate.facts();
  EXPECT_TRUE(facts.eku_ocsp_signing);
  EXPECT_TRUE(facts.ocsp_no_check);
  EXPECT_THAT(facts.deviations, IsEmpty());
}

TEST(Certificate, CutAnywhereOrFollowedByMoreIsRefused) {
  const Bytes der = standard_pki().leaf.certificate.der();
  for (std::size_t size = 0; size < der.size(); ++size) {
    const Buffer cut = to_buffer(der.first(size));
    const auto parsed = Certificate::parse(cut);
    ASSERT_FALSE(parsed) << size;
    EXPECT_EQ(parsed.error().code, PkiErrc::kNotACertificate);
  }
  Buffer longer = to_buffer(der);
  longer.push_back(0);
  EXPECT_FALSE(Certificate::parse(longer));
}

TEST(Certificate, WithAnyOctetFlippedIsReadOrRefusedButNeverTakenForTheOriginal) {
  const Certificate& original = standard_pki().leaf.certificate;
  for (std::size_t i = 0; i < original.der().size(); ++i) {
    Buffer changed = to_buffer(original.der());
    changed[i] ^= 0xff;
    const auto parsed = Certificate::parse(changed);
    EXPECT_FALSE(parsed && *parsed == original) << i;
  }
}

// req: OCSP-COD-025
TEST(Certificate, KeepsSerialsOfEveryLengthWithTheirSignOctet) {
  const auto& ca = standard_pki().intermediate;
  for (std::size_t size = 1; size <= 20; ++size) {
    CertificateSpec spec;
    spec.use_key = muster::testing::cached_key(muster::testing::KeyKind::kP256);
    spec.serial = Buffer(size, 0x9a);
    spec.serial->insert(spec.serial->begin(), 0);
    const Certificate c = issue(ca, spec).certificate;
    EXPECT_EQ(to_buffer(c.serial().octets()), *spec.serial);
    const ocsp::CertId id = make_cert_id(HashAlgorithm::kSha1, c, ca.certificate);
    EXPECT_EQ(to_buffer(id.view().serial), *spec.serial);
    if (size == 1) {
      EXPECT_TRUE(to_hex(id.der()).ends_with("0202009a"));
    }
  }
}

// req: OCSP-COD-033 OCSP-OPS-027
TEST(Certificate, ListsOcspAndIssuerUrisInOrder) {
  CertificateSpec spec;
  spec.ocsp_uris = {"http://a.example/", "http://b.example/ocsp"};
  spec.ca_issuers_uris = {"http://a.example/ca.cer"};
  const Certificate issued = issue(standard_pki().intermediate, spec).certificate;
  const CertificateFacts& made = issued.facts();
  // AuthorityInfoAccess, and behind its OID the OCTET STRING at once: no BOOLEAN makes it critical.
  EXPECT_THAT(to_hex(issued.der()), ::testing::ContainsRegex("06082b0601050507010104"));
  EXPECT_THAT(made.access.ocsp, ElementsAre("http://a.example/", "http://b.example/ocsp"));
  EXPECT_THAT(made.access.ca_issuers, ElementsAre("http://a.example/ca.cer"));

  // OCSP uri:a, OCSP directoryName (skipped), OCSP uri:b, an unknown method uri:c (skipped),
  // caIssuers uri:d
  const CertificateFacts mixed = facts_with(oid::kPeAuthorityInfoAccess,
                                            "304c"
                                            "300d"
                                            "06082b06010505073001"
                                            "860161"
                                            "300e"
                                            "06082b06010505073001"
                                            "a402"
                                            "3000"
                                            "300d"
                                            "06082b06010505073001"
                                            "860162"
                                            "300d"
                                            "06082b06010505073009"
                                            "860163"
                                            "300d"
                                            "06082b06010505073002"
                                            "860164");
  EXPECT_THAT(mixed.access.ocsp, ElementsAre("a", "b"));
  EXPECT_THAT(mixed.access.ca_issuers, ElementsAre("d"));
  expect_bad_extension(oid::kPeAuthorityInfoAccess, "3000");  // at least one is demanded
  expect_bad_extension(oid::kPeAuthorityInfoAccess, "30023000");
  expect_bad_extension(oid::kPeAuthorityInfoAccess, "0500");
}

// req: OCSP-COD-032
TEST(Certificate, DecodesTlsFeaturesCriticalOrNot) {
  for (const bool critical : {false, true}) {
    const CertificateFacts must = facts_with(oid::kPeTlsFeature, "3003020105", critical);
    EXPECT_THAT(must.tls_features, ElementsAre(5));
    EXPECT_TRUE(must.must_staple());
    EXPECT_FALSE(must.has_unknown_critical_extension);
    EXPECT_THAT(facts_with(oid::kPeTlsFeature, "3006020105020111", critical).tls_features,
                ElementsAre(5, 17));
    EXPECT_THAT(facts_with(oid::kPeTlsFeature, "3006020105020134", critical).tls_features,
                ElementsAre(5, 52));
    const CertificateFacts other = facts_with(oid::kPeTlsFeature, "3003020134", critical);
    EXPECT_FALSE(other.must_staple());
    EXPECT_TRUE(facts_with(oid::kPeTlsFeature, "3003020111", critical).must_staple());
    EXPECT_FALSE(facts_with(oid::kPeTlsFeature, "3000", critical).must_staple());
  }
  expect_bad_extension(oid::kPeTlsFeature, "020105");
  expect_bad_extension(oid::kPeTlsFeature, "3005020300ffff05");
  expect_bad_extension(oid::kPeTlsFeature,
                       "3005020301"
                       "0000");  // 65536 is no TLS extension number
}

// req: OCSP-COD-022
TEST(Certificate, HonoursMarkersOnlyWithTheirNullAndReportsDeviations) {
  for (const Bytes marker : {Bytes(oid::kOcspNoCheck), Bytes(oid::kCeNoRevAvail)}) {
    const auto flag = [&](const CertificateFacts& f) {
      return equal(marker, oid::kOcspNoCheck) ? f.ocsp_no_check : f.no_rev_avail;
    };
    const CertificateFacts good = facts_with(marker, "0500");
    EXPECT_TRUE(flag(good));
    EXPECT_THAT(good.deviations, IsEmpty());
    for (const std::string_view wrong : {"", "3000", "0101ff", "05000500"}) {
      const CertificateFacts bad = facts_with(marker, wrong);
      EXPECT_FALSE(flag(bad)) << wrong;
      EXPECT_EQ(bad.deviations.size(), 1u) << wrong;
    }
    const CertificateFacts critical = facts_with(marker, "0500", true);
    EXPECT_TRUE(flag(critical));
    EXPECT_EQ(critical.deviations.size(), 1u);
    EXPECT_FALSE(critical.has_unknown_critical_extension);
  }
}

TEST(Certificate, ListsCrlUrisOfEveryDistributionPoint) {
  CertificateSpec spec;
  spec.crl_uris = {"http://a.example/1.crl", "http://a.example/2.crl"};
  const Certificate c = issue(standard_pki().intermediate, spec).certificate;
  EXPECT_THAT(c.facts().crl_uris, ElementsAre("http://a.example/1.crl", "http://a.example/2.crl"));
  EXPECT_EQ(c.distribution_points().size(), 2u);
  EXPECT_FALSE(c.facts().has_freshest_crl);
  EXPECT_TRUE(facts_with(oid::kCeFreshestCrl,
                         "300a3008a006a0048602"
                         "6161")
                  .has_freshest_crl);
  expect_bad_extension(oid::kCeCrlDistributionPoints, "3000");
  expect_bad_extension(oid::kCeFreshestCrl, "0500");
}

TEST(Certificate, ReadsKeyUsageBitForBit) {
  EXPECT_EQ(facts_with(oid::kCeKeyUsage, "03020780").key_usage, 1);
  EXPECT_EQ(facts_with(oid::kCeKeyUsage, "03020560").key_usage,
            6);  // nonRepudiation, keyEncipherment
  EXPECT_EQ(facts_with(oid::kCeKeyUsage, "0303070080").key_usage,
            1 << 8);  // decipherOnly, in the second octet
  EXPECT_EQ(facts_with(oid::kCeKeyUsage, "030100").key_usage, 0);
  for (const std::string_view bad : {"0300", "03020880", "030107", "04020780", "0302078000"}) {
    expect_bad_extension(oid::kCeKeyUsage, bad);
  }
}

TEST(Certificate, ReadsBasicConstraints) {
  EXPECT_TRUE(facts_with(oid::kCeBasicConstraints, "30060101ff020100").is_ca);
  EXPECT_FALSE(facts_with(oid::kCeBasicConstraints, "3000").is_ca);
  EXPECT_FALSE(
      facts_with(oid::kCeBasicConstraints, "3003010100").is_ca);  // tolerated: FALSE written out
  expect_bad_extension(oid::kCeBasicConstraints, "3003010101");   // neither FF nor 00
  expect_bad_extension(oid::kCeBasicConstraints, "30050101ff0500");
}

TEST(Certificate, CountsOnlyOcspSigningItself) {
  EXPECT_TRUE(facts_with(oid::kCeExtendedKeyUsage, "300a06082b06010505070309").eku_ocsp_signing);
  const CertificateFacts any = facts_with(oid::kCeExtendedKeyUsage, "30060604551d2500");
  EXPECT_TRUE(any.has_extended_key_usage);
  EXPECT_FALSE(any.eku_ocsp_signing);
  expect_bad_extension(oid::kCeExtendedKeyUsage, "3000");
}

TEST(Certificate, NoticesCriticalExtensionsNobodyKnows) {
  const auto private_oid = der::oid_from_string("1.3.6.1.4.1.99999.7");
  EXPECT_TRUE(facts_with(*private_oid, "0500", true).has_unknown_critical_extension);
  EXPECT_FALSE(facts_with(*private_oid, "0500", false).has_unknown_critical_extension);
}

TEST(Certificate, RefusesAnExtensionThatAppearsTwice) {
  CertificateSpec spec;
  spec.subject_key_id = false;
  const Buffer value = octets("0403aabbcc");
  spec.extensions = {{to_buffer(oid::kCeSubjectKeyId), false, value},
                     {to_buffer(oid::kCeSubjectKeyId), false, value}};
  const auto parsed = Certificate::parse(muster::testing::make_certificate_der(
      spec, muster::testing::cached_key(muster::testing::KeyKind::kP256), make_name("CA"),
      standard_pki().root.key));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, PkiErrc::kNotACertificate);
}

TEST(Certificate, HasABoundOnExtensions) {
  for (const std::size_t count : {der::kMaxExtensions, der::kMaxExtensions + 1}) {
    CertificateSpec spec;
    spec.subject_key_id = false;
    spec.authority_key_id = false;
    for (std::size_t i = 0; i < count; ++i) {
      spec.extensions.push_back(
          {*der::oid_from_string("1.3.6.1.4.1.99999." + std::to_string(i)), false, {5, 0}});
    }
    const auto parsed = Certificate::parse(muster::testing::make_certificate_der(
        spec, muster::testing::cached_key(muster::testing::KeyKind::kP256), make_name("CA"),
        standard_pki().root.key));
    EXPECT_EQ(static_cast<bool>(parsed), count == der::kMaxExtensions);
  }
}

TEST(Certificate, ToleratesCriticalFalseWrittenOut) {
  // TLS feature with "critical FALSE" before the value, put in the place of another extension of
  // the same length.
  Buffer der = leaf_der_with(oid::kPeTlsFeature,
                             "30060201050201"
                             "11");
  const Buffer usual = octets(
      "06082b06010505070118"
      "0408"
      "3006020105020111");
  const Buffer spelt = octets(
      "06082b06010505070118"
      "010100"
      "0405"
      "3003020105");
  const auto at = std::search(der.begin(), der.end(), usual.begin(), usual.end());
  ASSERT_NE(at, der.end());
  std::copy(spelt.begin(), spelt.end(), at);
  const auto parsed = Certificate::parse(der);
  ASSERT_TRUE(parsed) << parsed.error().detail;
  EXPECT_TRUE(parsed->facts().must_staple());
}

}  // namespace
}  // namespace muster::pki
