#include "recent_certificates.h"

#include <gmock/gmock.h>

#include "muster/testing/pki_builder.h"

namespace muster::client {
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
  recent.parse(pki.other_leaf.certificate.der());
  recent.parse(pki.leaf.certificate.der());
  recent.parse(pki.root.certificate.der());
  EXPECT_EQ(recent.size(), 2U);
  const auto again = recent.parse(pki.leaf.certificate.der());
  ASSERT_TRUE(kept && again);
  EXPECT_EQ(kept->der().data(), again->der().data());
}

TEST(RecentCertificates, WhatDoesNotParseIsNotRemembered) {
  RecentCertificates recent(2);
  const std::uint8_t junk[] = {0x30, 0x03, 0x02, 0x01, 0x00};
  EXPECT_FALSE(recent.parse(junk));
  EXPECT_FALSE(recent.parse(junk));
  EXPECT_EQ(recent.size(), 0U);
}

}  // namespace
}  // namespace muster::client
