#include "muster/pki/recent_certificates.h"

#include <gmock/gmock.h>

#include "muster/testing/pki_builder.h"

namespace muster::pki {
namespace {

TEST(RecentCertificates, GivesTheSameObjectForTheSameOctets) {
  const testing::TestPki& pki = testing::standard_pki();
  RecentCertificates recent(4);
  const auto first = recent.parse(pki.ocsp_signer.certificate.der());
  const auto second = recent.parse(pki.ocsp_signer.certificate.der());
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->der().data(), second->der().data()) << "not just equal: one object";
  EXPECT_EQ(*first, pki.ocsp_signer.certificate);
}

TEST(RecentCertificates, RemembersFewAndThoseUsedLast) {
  RecentCertificates recent(2);
  const testing::TestPki& pki = testing::standard_pki();
  const auto kept = recent.parse(pki.leaf.certificate.der());
  EXPECT_TRUE(recent.parse(pki.other_leaf.certificate.der()));
  EXPECT_TRUE(recent.parse(pki.leaf.certificate.der()));
  EXPECT_TRUE(recent.parse(pki.root.certificate.der()));
  EXPECT_EQ(recent.size(), 2U);
  const auto again = recent.parse(pki.leaf.certificate.der());
  ASSERT_TRUE(kept && again);
  EXPECT_EQ(kept->der().data(), again->der().data());
}

TEST(RecentCertificates, WhatDoesNotParseIsNotRemembered) {
  RecentCertificates recent(2);
  const std::uint8_t junk[] = {0x30, 0x03, 0x02, 0x01, 0x00};
  for (int i = 0; i < 2; ++i) {
    const auto parsed = recent.parse(junk);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, PkiErrc::kNotACertificate);
  }
  EXPECT_EQ(recent.size(), 0U);
}

TEST(RecentCertificates, ChainsOfSeveralFilesShareTheirCa) {
  const testing::TestPki& pki = testing::standard_pki();
  RecentCertificates recent(4);
  const auto chain = [&](const testing::Identity& leaf) {
    const std::string pem = testing::to_pem({leaf.certificate, pki.intermediate.certificate});
    return parse_certificates(as_bytes(pem), &recent);
  };
  const auto one = chain(pki.leaf);
  const auto other = chain(pki.other_leaf);
  ASSERT_TRUE(one && other);
  ASSERT_EQ(one->size(), 2U);
  ASSERT_EQ(other->size(), 2U);
  EXPECT_EQ(one->at(0), pki.leaf.certificate);
  EXPECT_EQ(other->at(0), pki.other_leaf.certificate);
  EXPECT_EQ(one->at(1).der().data(), other->at(1).der().data());
  // DER alone, too.
  const auto der = parse_certificates(pki.intermediate.certificate.der(), &recent);
  ASSERT_TRUE(der);
  EXPECT_EQ(der->at(0).der().data(), one->at(1).der().data());
}

}  // namespace
}  // namespace muster::pki
