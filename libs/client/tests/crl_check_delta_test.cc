#include "crl_check_fixture.h"

// Delta CRLs: RFC 5280 sections 5.2.4 and 6.3.3 steps (a), (c), (h), (i) and (j).
namespace muster::client::test {
namespace {

Buffer complete(std::uint64_t number, std::vector<crl::Entry> entries = {}) {
  return testing::build_crl(
      ca(),
      {.this_update = kTestNow - Seconds(7200), .entries = std::move(entries), .number = number});
}
CrlSpec delta_spec(std::uint64_t base, std::uint64_t number, std::vector<crl::Entry> entries = {}) {
  return {.this_update = kTestNow - Seconds(600),
          .next_update = kTestNow + Seconds(600),
          .entries = std::move(entries),
          .number = number,
          .delta_base = base};
}
Buffer delta(std::uint64_t base, std::uint64_t number, std::vector<crl::Entry> entries = {}) {
  return testing::build_crl(ca(), delta_spec(base, number, std::move(entries)));
}
crl::Entry listed(std::optional<ReasonCode> reason = std::nullopt) {
  return entry_of(leaf().certificate, reason);
}

// req: OCSP-CRL-030
TEST(CheckCrls, ADeltaAppliesOnlyFromItsBaseToBelowItself) {
  for (std::uint64_t base = 4; base <= 6; ++base) {
    for (std::uint64_t number = 4; number <= 6; ++number) {
      const bool applies = base <= 5 && 5 < number;
      EXPECT_EQ(outcome(check_leaf({complete(5), delta(base, number, {listed()})})),
                applies ? "revoked" : "good")
          << base << " <= 5 < " << number;
    }
  }
}

// req: OCSP-CRL-035
TEST(CheckCrls, RemovalInTheDeltaEndsAsGoodAndAbsenceAsksTheBase) {
  const crl::Entry hold = listed(ReasonCode::kCertificateHold);
  const crl::Entry removed = listed(ReasonCode::kRemoveFromCrl);
  EXPECT_EQ(outcome(check_leaf({complete(1, {hold})})), "revoked");
  const CrlVerdict lifted = check_leaf({complete(1, {hold}), delta(1, 2, {removed})});
  EXPECT_EQ(outcome(lifted), "good");
  EXPECT_EQ(outcome(check_leaf({complete(1, {hold}), delta(1, 2)})), "revoked");
  const CrlVerdict by_delta =
      check_leaf({complete(1), delta(1, 2, {listed(ReasonCode::kSuperseded)})});
  ASSERT_NE(by_delta.revoked(), nullptr);
  EXPECT_EQ(by_delta.revoked()->crl, 1u);
  EXPECT_EQ(by_delta.revoked()->reason, ReasonCode::kSuperseded);
  const CrlVerdict by_base = check_leaf({complete(1, {listed()}), delta(1, 2)});
  ASSERT_NE(by_base.revoked(), nullptr);
  EXPECT_EQ(by_base.revoked()->crl, 0u);
}

// req: OCSP-CRL-029
TEST(CheckCrls, ADeltaOfAnotherScopeKeyOrIssuerIsNotCombined) {
  crl::IssuingDistributionPoint users;
  users.only_user_certs = true;
  const Buffer base = complete(1);
  EXPECT_EQ(outcome(check_leaf({base, delta(1, 2, {listed()})})), "revoked");
  // scope only in the delta
  EXPECT_EQ(outcome(check_leaf({base, scoped_crl(users, delta_spec(1, 2, {listed()}))})), "good");
  // scope only in the complete CRL
  const Buffer scoped_base = scoped_crl(users, {.this_update = kTestNow - Seconds(7200)});
  EXPECT_EQ(outcome(check_leaf({scoped_base, delta(1, 2, {listed()})})), "good");
  EXPECT_EQ(outcome(check_leaf({scoped_base, scoped_crl(users, delta_spec(1, 2, {listed()}))})),
            "revoked");
  // no authority key identifier
  CrlSpec without_key_id = delta_spec(1, 2, {listed()});
  without_key_id.authority_key_id = false;
  EXPECT_EQ(outcome(check_leaf({base, testing::build_crl(ca(), without_key_id)})), "good");
  // another issuer
  EXPECT_EQ(outcome(check_leaf({base, testing::build_crl(root(), delta_spec(1, 2, {listed()}))})),
            "good");
  // a complete CRL without a number cannot be continued
  const Buffer numberless = testing::build_crl(ca(), {.number = std::nullopt});
  EXPECT_EQ(outcome(check_leaf({numberless, delta(1, 2, {listed()})})), "good");
}

TEST(CheckCrls, ADeltaAloneDecidesNothing) {
  EXPECT_EQ(outcome(check_leaf({delta(1, 2)})), "no-base-crl");
  EXPECT_EQ(outcome(check_leaf({delta(1, 2, {listed()})})), "no-base-crl");
}

// req: OCSP-CRL-037
TEST(CheckCrls, TheNewestCurrentDeltaCountsAndLendsItsTimes) {
  CrlSpec newer = delta_spec(1, 3);
  newer.this_update = kTestNow - Seconds(300);
  newer.next_update = kTestNow + Seconds(900);
  const CrlVerdict verdict =
      check_leaf({delta(1, 2, {listed()}), complete(1), testing::build_crl(ca(), newer)});
  EXPECT_EQ(outcome(verdict), "good");  // on hold in the older delta, not in the newer one
  ASSERT_EQ(verdict.used.size(), 1u);
  EXPECT_EQ(verdict.used[0].crl, 1u);
  EXPECT_EQ(verdict.used[0].delta, 2u);
  EXPECT_EQ(verdict.used[0].number, "03");
  EXPECT_EQ(verdict.used[0].this_update, newer.this_update);
  EXPECT_EQ(verdict.used[0].next_update, newer.next_update);
  // One that is not current any more does not count, the one before it does.
  newer.next_update = kTestNow - Seconds(1);
  EXPECT_EQ(
      outcome(check_leaf({delta(1, 2, {listed()}), complete(1), testing::build_crl(ca(), newer)})),
      "revoked");
}

// req: OCSP-CRL-034
TEST(CheckCrls, ADeltaWithABadSignatureIsLeftOut) {
  CrlSpec forged = delta_spec(1, 2, {listed(ReasonCode::kRemoveFromCrl)});
  forged.break_signature = true;
  const CrlVerdict verdict =
      check_leaf({complete(1, {listed()}), testing::build_crl(ca(), forged)});
  EXPECT_EQ(outcome(verdict), "revoked");
  ASSERT_EQ(verdict.refused.size(), 1u);
  EXPECT_EQ(verdict.refused[0].crl, 1u);
  EXPECT_EQ(verdict.refused[0].error.code, CrlErrc::kBadSignature);
  // Another key of the same name does not do for the delta: one key validates both.
  testing::CertificateSpec spec = testing::ca_spec("unused");
  spec.subject = to_buffer(ca().certificate.subject());
  const Identity second_key = testing::issue(root(), spec);
  CrlSpec by_other = delta_spec(1, 2, {listed()});
  by_other.sign_with = second_key.key;
  EXPECT_EQ(outcome(check_leaf({complete(1), testing::build_crl(ca(), by_other), empty_crl(root())},
                               {second_key.certificate})),
            "good");
}

// req: OCSP-CRL-025
TEST(CheckCrls, AnExpiredCompleteCrlStillCarriesACurrentDelta) {
  const auto expired = [](std::vector<crl::Entry> entries) {
    return testing::build_crl(ca(), {.this_update = kTestNow - Seconds(7200),
                                     .next_update = kTestNow - Seconds(60),
                                     .entries = std::move(entries),
                                     .number = 5});
  };
  EXPECT_EQ(outcome(check_leaf({expired({})})), "expired");
  EXPECT_EQ(outcome(check_leaf({expired({}), delta(5, 6)})), "good");
  EXPECT_EQ(outcome(check_leaf({expired({}), delta(5, 6, {listed()})})), "revoked");
  EXPECT_EQ(outcome(check_leaf({expired({listed()}), delta(5, 6)})), "revoked");
  EXPECT_EQ(outcome(check_leaf({expired({}), delta(6, 7)})), "expired");  // does not reach back
  CrlSpec forged = delta_spec(5, 6);
  forged.break_signature = true;
  EXPECT_EQ(outcome(check_leaf({expired({}), testing::build_crl(ca(), forged)})), "expired");
  // A complete CRL from the future is no base either.
  const Buffer future =
      testing::build_crl(ca(), {.this_update = kTestNow + Seconds(7200), .number = 5});
  EXPECT_EQ(outcome(check_leaf({future, delta(5, 6)})), "not-yet-valid");
}

}  // namespace
}  // namespace muster::client::test
