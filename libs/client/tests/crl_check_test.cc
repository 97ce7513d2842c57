#include "crl_check_fixture.h"

namespace muster::client::test {
namespace {

constexpr std::uint8_t kPrivateOid[] = {0x2a, 3, 4};
der::Extension private_extension(bool critical) {
  return {to_buffer(kPrivateOid), critical, {5, 0}};
}

TEST(CheckCrls, ListedIsRevokedAndUnlistedIsGood) {
  crl::Entry entry = entry_of(leaf().certificate, ReasonCode::kKeyCompromise);
  entry.invalidity_date = kTestNow - Seconds(9 * 86400);
  const CrlVerdict verdict =
      check_leaf({testing::build_crl(ca(), {.entries = {entry}, .number = 0x1234})});
  ASSERT_NE(verdict.revoked(), nullptr) << outcome(verdict);
  EXPECT_EQ(verdict.revoked()->time, kTestNow - Seconds(86400));
  EXPECT_EQ(verdict.revoked()->reason, ReasonCode::kKeyCompromise);
  EXPECT_EQ(verdict.revoked()->invalidity_date, kTestNow - Seconds(9 * 86400));
  EXPECT_EQ(verdict.revoked()->crl, 0u);
  ASSERT_EQ(verdict.used.size(), 1u);
  EXPECT_EQ(verdict.used[0].number, "1234");
  EXPECT_EQ(verdict.used[0].this_update, kTestNow - Seconds(3600));
  EXPECT_EQ(verdict.used[0].next_update, kTestNow + Seconds(7 * 86400));
  EXPECT_EQ(verdict.used[0].reasons, crl::kAllReasons);

  EXPECT_EQ(outcome(check_leaf({empty_crl(ca())})), "good");
  EXPECT_EQ(
      outcome(check_leaf({crl_revoking(ca(), testing::standard_pki().other_leaf.certificate)})),
      "good");
}

TEST(CheckCrls, NothingAtHandIsUndetermined) {
  EXPECT_EQ(outcome(check_leaf({})), "no-crl");
  EXPECT_EQ(outcome(check_leaf({empty_crl(root())})), "no-crl");
  EXPECT_EQ(outcome(check(leaf().certificate, {}, {empty_crl(ca())})), "signer-not-found");
}

TEST(CheckCrls, MalformedCrlsAreNamedAndOthersStillCount) {
  const Buffer junk = {0x30, 0x03, 0x02, 0x01};
  const CrlVerdict alone = check_leaf({junk});
  EXPECT_EQ(outcome(alone), "malformed");
  ASSERT_EQ(alone.refused.size(), 1u);
  EXPECT_EQ(alone.refused[0].crl, 0u);
  EXPECT_EQ(outcome(check_leaf({junk, empty_crl(ca())})), "good");
}

TEST(CheckCrls, TheNewestOfSeveralDecides) {
  const Buffer older = testing::build_crl(ca(), {.this_update = kTestNow - Seconds(7200),
                                                 .entries = {entry_of(leaf().certificate)},
                                                 .number = 1});
  const Buffer newer = testing::build_crl(ca(), {.number = 2});
  EXPECT_EQ(outcome(check_leaf({older, newer})), "good");  // a hold that was lifted
  EXPECT_EQ(outcome(check_leaf({newer, older})), "good");
  const Buffer same_time =
      testing::build_crl(ca(), {.entries = {entry_of(leaf().certificate)}, .number = 3});
  EXPECT_EQ(outcome(check_leaf({newer, same_time})), "revoked");
}

// req: OCSP-CRL-007
TEST(CheckCrls, AnUnknownCriticalExtensionMakesTheCrlUseless) {
  EXPECT_EQ(
      outcome(check_leaf({testing::build_crl(ca(), {.extensions = {private_extension(false)}})})),
      "good");
  const Buffer critical = testing::build_crl(
      ca(), {.entries = {entry_of(leaf().certificate)}, .extensions = {private_extension(true)}});
  EXPECT_EQ(outcome(check_leaf({critical})), "critical-extension");
}

// req: OCSP-CRL-008
TEST(CheckCrls, AnUnknownCriticalEntryExtensionMakesTheCrlUselessForAll) {
  const Certificate& other = testing::standard_pki().other_leaf.certificate;
  crl::Entry odd = entry_of(testing::standard_pki().ocsp_signer.certificate);
  odd.extensions.push_back(private_extension(true));
  const Buffer crl = testing::build_crl(ca(), {.entries = {entry_of(leaf().certificate), odd}});
  EXPECT_EQ(outcome(check_leaf({crl})), "critical-extension");
  EXPECT_EQ(outcome(check(other, {ca().certificate, root().certificate}, {crl})),
            "critical-extension");
}

// req: OCSP-CRL-015
TEST(CheckCrls, DefectiveEntriesMakeTheCrlUseless) {
  crl::Entry odd = entry_of(testing::standard_pki().other_leaf.certificate);
  odd.extensions.push_back({to_buffer(oid::kCeReasonCode), false, {0x0a, 1, 7}});
  EXPECT_EQ(outcome(check_leaf({testing::build_crl(ca(), {.entries = {odd}})})), "defective");
  const crl::Entry removed = entry_of(leaf().certificate, ReasonCode::kRemoveFromCrl);
  EXPECT_EQ(outcome(check_leaf({testing::build_crl(ca(), {.entries = {removed}})})), "defective");
}

struct TimeCase {
  const char* what;
  Seconds this_update;  // from now
  std::optional<Seconds> next_update;
  const char* expected;
};

// req: OCSP-CRL-005, OCSP-CRL-025
TEST(CheckCrls, JudgesTimesAtTheirBounds) {
  const CrlPolicy policy;
  const Seconds skew = policy.times.future_skew;
  const Seconds age = policy.times.max_age_without_next_update;
  const TimeCase cases[] = {
      {"issued now", Seconds(0), Seconds(60), "good"},
      {"ahead by the skew", skew, skew + Seconds(60), "good"},
      {"ahead by more", skew + Seconds(1), skew + Seconds(60), "not-yet-valid"},
      {"nextUpdate now", Seconds(-60), Seconds(0), "good"},
      {"nextUpdate passed", Seconds(-60), Seconds(-1), "expired"},
      {"nextUpdate before thisUpdate", Seconds(-60), Seconds(-61), "invalid-interval"},
      {"no nextUpdate, at the maximum age", -age, std::nullopt, "good"},
      {"no nextUpdate, older", -age - Seconds(1), std::nullopt, "too-old"},
  };
  for (const TimeCase& c : cases) {
    const Buffer crl = testing::build_crl(
        ca(),
        {.this_update = kTestNow + c.this_update,
         .next_update = c.next_update ? std::optional(kTestNow + *c.next_update) : std::nullopt});
    EXPECT_EQ(outcome(check_leaf({crl})), c.expected) << c.what;
  }
  CrlPolicy strict;
  strict.times.max_age = Seconds(3600);
  EXPECT_EQ(outcome(check_leaf({empty_crl(ca())}, {}, kTestNow, strict)), "good");
  EXPECT_EQ(outcome(check_leaf({empty_crl(ca())}, {}, kTestNow + Seconds(1), strict)), "too-old");
  CrlPolicy lenient;
  lenient.times.expiry_tolerance = Seconds(60);
  const Buffer expired = testing::build_crl(ca(), {.next_update = kTestNow - Seconds(60)});
  EXPECT_EQ(outcome(check_leaf({expired}, {}, kTestNow, lenient)), "good");
  EXPECT_EQ(outcome(check_leaf({expired}, {}, kTestNow + Seconds(1), lenient)), "expired");
}

// req: OCSP-CRL-025
TEST(CheckCrls, AnExpiredCrlIsReplacedByACurrentOne) {
  const Buffer expired = testing::build_crl(
      ca(), {.this_update = kTestNow - Seconds(7200), .next_update = kTestNow - Seconds(60)});
  EXPECT_EQ(outcome(check_leaf({expired})), "expired");
  EXPECT_EQ(outcome(check_leaf({expired, crl_revoking(ca(), leaf().certificate)})), "revoked");
}

// A CA may drop entries of certificates that expired (RFC 5280 section 3.3): silence is no "good"
// then.
TEST(CheckCrls, AnExpiredCertificateThatIsNotListedIsUndetermined) {
  testing::CertificateSpec spec = testing::leaf_spec("old.example");
  spec.not_before = kTestNow - Seconds(90 * 86400);
  spec.not_after = kTestNow - Seconds(86400);
  const Certificate old = testing::issue(ca(), spec).certificate;
  EXPECT_EQ(outcome(check_scoped(old, {empty_crl(ca())})), "certificate-expired");
  EXPECT_EQ(outcome(check_scoped(old, {crl_revoking(ca(), old)})), "revoked");
  const auto keeping_since = [](UnixSeconds since) {
    der::Writer value;
    der::write_generalized_time(value, since);
    return testing::build_crl(
        ca(), {.extensions = {{to_buffer(oid::kCeExpiredCertsOnCrl), false, value.take()}}});
  };
  EXPECT_EQ(outcome(check_scoped(old, {keeping_since(kTestNow - Seconds(86400))})), "good");
  EXPECT_EQ(outcome(check_scoped(old, {keeping_since(kTestNow - Seconds(86399))})),
            "certificate-expired");
}

TEST(CheckPathCrls, EveryCertificateBelowTheAnchorNeedsAnAnswer) {
  const std::vector<Certificate> path{leaf().certificate, ca().certificate, root().certificate};
  const auto check_path = [&](const std::vector<Buffer>& crls) {
    const std::vector<Bytes> views(crls.begin(), crls.end());
    return check_path_crls(path, {views, {}}, kTestNow);
  };
  const Buffer leaf_good = empty_crl(ca());
  const Buffer leaf_revoked = crl_revoking(ca(), leaf().certificate);
  const Buffer ca_good = empty_crl(root());
  const Buffer ca_revoked = crl_revoking(root(), ca().certificate);
  EXPECT_EQ(outcome(check_path({leaf_good, ca_good}).overall()), "good");
  EXPECT_EQ(outcome(check_path({leaf_good}).overall()), "no-crl");
  EXPECT_EQ(check_path({leaf_good}).decisive, 1u);
  EXPECT_EQ(outcome(check_path({ca_good}).overall()), "no-crl");
  EXPECT_EQ(check_path({ca_good}).decisive, 0u);
  EXPECT_EQ(outcome(check_path({leaf_good, ca_revoked}).overall()), "revoked");
  EXPECT_EQ(check_path({leaf_revoked, ca_revoked}).decisive, 1u);
  EXPECT_EQ(outcome(check_path({leaf_revoked}).overall()), "revoked");
  EXPECT_EQ(check_path({leaf_revoked}).certificates.size(), 2u);
}

TEST(CheckCrls, LimitsItsWork) {
  // Many CRLs that no key at hand signed: each costs a signature check, up to the limit.
  std::vector<Buffer> crls;
  const Buffer one = testing::build_crl(ca(), {.break_signature = true});
  crls.assign(kMaxCrlSignatureChecks, one);
  EXPECT_EQ(outcome(check_leaf(crls)), "bad-signature");
  crls.push_back(one);
  EXPECT_EQ(outcome(check_leaf(crls)), "too-complex");
}

}  // namespace
}  // namespace muster::client::test
