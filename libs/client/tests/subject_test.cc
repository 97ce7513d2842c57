#include "muster/client/subject.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "muster/testing/pki_builder.h"

namespace muster::client {
namespace {

using namespace muster::testing;
using std::chrono::hours;

const TestPki& P() { return standard_pki(); }

// req: OCSP-CLI-050
TEST(FindIssuer, WantsNameAndSignature) {
  const std::vector<pki::Certificate> pool = {P().root.certificate, P().ocsp_signer.certificate,
                                              P().intermediate.certificate};
  EXPECT_EQ(find_issuer(P().leaf.certificate, pool), P().intermediate.certificate);
  EXPECT_EQ(find_issuer(P().intermediate.certificate, pool), P().root.certificate);
  CertificateSpec spec = ca_spec("x");
  spec.subject = to_buffer(P().intermediate.certificate.subject());
  const Identity impostor = issue(P().root, spec);
  EXPECT_FALSE(find_issuer(P().leaf.certificate, std::vector{impostor.certificate}))
      << "same name, other key";
  CertificateSpec badly = leaf_spec();
  badly.break_signature = true;
  EXPECT_FALSE(find_issuer(issue(P().intermediate, badly).certificate, pool));
  EXPECT_FALSE(find_issuer(P().leaf.certificate, {}));
}

TEST(FindIssuer, DoesNotTakeAnEndEntityForAnIssuer) {
  const Identity child = issue(P().leaf, leaf_spec("child.example"));
  EXPECT_FALSE(find_issuer(child.certificate, std::vector{P().leaf.certificate}));
}

RevocationNeed need(const std::function<void(CertificateSpec&)>& change) {
  CertificateSpec spec = leaf_spec();
  change(spec);
  return classify_need(issue(P().intermediate, spec).certificate);
}

// req: OCSP-CLI-062 OCSP-CLI-063
TEST(ClassifyNeed, ReadsTheExtensions) {
  EXPECT_EQ(need([](auto& s) {
              s.ocsp_uris = {"http://a.test"};
              s.crl_uris = {"http://b.test"};
            }),
            RevocationNeed::kOcsp);
  EXPECT_EQ(need([](auto& s) { s.crl_uris = {"http://b.test"}; }), RevocationNeed::kCrlOnly);
  EXPECT_EQ(need([](auto& s) { s.no_rev_avail = true; }), RevocationNeed::kNoRevAvail);
  EXPECT_EQ(need([](auto& s) {
              s.no_rev_avail = true;
              s.ca_issuers_uris = {"http://c.test"};
            }),
            RevocationNeed::kNoRevAvail);
  EXPECT_EQ(need([](auto& s) {
              s.no_rev_avail = true;
              s.ocsp_uris = {"http://a.test"};
            }),
            RevocationNeed::kNoRevAvailInvalid);
  EXPECT_EQ(need([](auto& s) {
              s.no_rev_avail = true;
              s.crl_uris = {"http://a.test"};
            }),
            RevocationNeed::kNoRevAvailInvalid);
  EXPECT_EQ(need([](auto& s) {
              s.no_rev_avail = true;
              // freshestCRL: one distribution point, "http://a.test/f"
              s.extensions = {{*from_hex("551d2e"), false,
                               *from_hex("30173015a013a011860f687474703a2f2f612e746573742f66")}};
            }),
            RevocationNeed::kNoRevAvailInvalid);
  EXPECT_EQ(need([](auto& s) {
              s.no_rev_avail = true;
              s.ca = true;
            }),
            RevocationNeed::kNoRevAvailInvalid);
  EXPECT_EQ(need([](auto&) {}), RevocationNeed::kNoPointers);
}

// req: OCSP-CLI-064
TEST(ClassifyNeed, ShortLivedIsSevenDaysAndTenBeforeMarch2026) {
  const auto with_validity = [](const char* from, Seconds validity, bool ca = false) {
    return need([&](CertificateSpec& s) {
      s.not_before = *parse_iso8601(from);
      s.not_after = *s.not_before + validity - Seconds(1);  // both ends count
      s.ca = ca;
    });
  };
  EXPECT_EQ(with_validity("2026-11-20", hours(7 * 24)), RevocationNeed::kShortLived);
  EXPECT_EQ(with_validity("2026-11-20", hours(7 * 24) + Seconds(1)), RevocationNeed::kNoPointers);
  EXPECT_EQ(with_validity("2026-03-15", hours(8 * 24)), RevocationNeed::kNoPointers);
  EXPECT_EQ(with_validity("2026-03-14", hours(10 * 24)), RevocationNeed::kShortLived);
  EXPECT_EQ(with_validity("2026-03-14", hours(10 * 24) + Seconds(1)), RevocationNeed::kNoPointers);
  EXPECT_EQ(with_validity("2026-11-20", hours(24), true), RevocationNeed::kNoPointers)
      << "subscriber certificates only";
}

// req: OCSP-CLI-066
TEST(FindMissingFeature, WantsAtLeastTheIssuersFeatures) {
  CertificateSpec ca = ca_spec("Feature CA");
  ca.tls_features = {5, 17};
  const Identity issuer = issue(P().root, ca);
  const auto missing = [&](std::vector<std::uint32_t> features) {
    CertificateSpec spec = leaf_spec();
    spec.tls_features = std::move(features);
    return find_missing_feature(std::vector{issue(issuer, spec).certificate, issuer.certificate,
                                            P().root.certificate})
        .has_value();
  };
  EXPECT_FALSE(missing({5, 17}));
  EXPECT_FALSE(missing({5, 17, 23}));
  EXPECT_TRUE(missing({5}));
  EXPECT_TRUE(missing({}));
  EXPECT_FALSE(
      find_missing_feature(std::vector{P().leaf.certificate, P().intermediate.certificate}));
}

TEST(FindLeaves, LeavesOutIssuersAndRepeats) {
  const std::vector<pki::Certificate> chain = {P().leaf.certificate, P().intermediate.certificate,
                                               P().root.certificate, P().other_leaf.certificate,
                                               P().leaf.certificate};
  EXPECT_THAT(find_leaves(chain),
              ::testing::ElementsAre(P().leaf.certificate, P().other_leaf.certificate));
  EXPECT_THAT(find_leaves(std::vector{P().root.certificate}),
              ::testing::ElementsAre(P().root.certificate));
}

TEST(IsLocal, KnowsAddressesAndNamesThatStayInside) {
  for (const char* host :
       {"127.0.0.1",   "127.255.0.1",     "10.1.2.3",      "172.16.0.1",  "172.31.255.255",
        "192.168.0.1", "169.254.1.1",     "[::1]",         "::1",         "[fe80::1]",
        "fd00::1",     "::ffff:10.0.0.1", "localhost",     "LOCALHOST",   "ocsp",
        "a.localhost", "ocsp.internal",   "printer.local", "x.home.arpa", "ca.test",
        "ca.test."}) {
    EXPECT_TRUE(is_local_host(host)) << host;
  }
  for (const char* host :
       {"8.8.8.8", "172.32.0.1", "172.15.0.1", "192.169.0.1", "11.0.0.1", "[2001:db8::1]",
        "::ffff:8.8.8.8", "example.com", "localhost.example.com", "test.example", "nottest.example",
        "2130706433", "0x7f000001", ""}) {
    EXPECT_FALSE(is_local_host(host)) << host;
  }
  EXPECT_TRUE(is_local_url("http://127.0.0.1:8080/ocsp"));
  EXPECT_FALSE(is_local_url("http://ocsp.example.com/"));
  EXPECT_FALSE(is_local_url("http://127.0.0.1@ocsp.example.com/"));
  EXPECT_FALSE(is_local_url("not a url"));
}

}  // namespace
}  // namespace muster::client
