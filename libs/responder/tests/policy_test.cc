#include "muster/responder/policy.h"

#include <gtest/gtest.h>

namespace muster::responder {
namespace {

using std::chrono::hours;

IssuerPolicy cabf(Seconds validity) {
  IssuerPolicy policy = policy_of(Profile::kCabf);
  policy.validity = validity;
  return policy;
}

TEST(CheckPolicy, AcceptsTheDefaults) { EXPECT_TRUE(check_policy(IssuerPolicy{})); }

TEST(CheckPolicy, RefusesValidityOutOfBounds) {
  IssuerPolicy policy;
  policy.validity = Seconds(59);
  EXPECT_FALSE(check_policy(policy));
  policy.validity = Seconds(60);
  EXPECT_TRUE(check_policy(policy));
  policy.validity = hours(367 * 24);
  EXPECT_FALSE(check_policy(policy));
}

TEST(CheckPolicy, RefusesRefreshBeyondValidity) {
  IssuerPolicy policy;
  policy.refresh = policy.validity;
  const auto checked = check_policy(policy);
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().detail.find("refresh"), std::string::npos);
  policy.refresh = policy.validity - Seconds(1);
  EXPECT_TRUE(check_policy(policy));
}

// req: OCSP-RESP-058
TEST(CheckPolicy, CabfProfileBoundsValidity) {
  EXPECT_FALSE(check_policy(cabf(hours(7))));
  EXPECT_TRUE(check_policy(cabf(hours(8))));
  EXPECT_TRUE(check_policy(cabf(hours(240))));
  EXPECT_FALSE(check_policy(cabf(hours(11 * 24))));
}

// req: OCSP-RESP-064
TEST(CheckPolicy, CabfProfileForbidsRevokedForUnissued) {
  IssuerPolicy policy = cabf(hours(168));
  policy.unissued = UnissuedAnswer::kRevoked;
  const auto checked = check_policy(policy);
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().detail.find("certificateHold"), std::string::npos);
}

// req: OCSP-RESP-062
TEST(CheckPolicy, CabfProfileForbidsGoodForUnlisted) {
  IssuerPolicy policy = cabf(hours(168));
  policy.unlisted = UnlistedAnswer::kGood;
  EXPECT_FALSE(check_policy(policy));
  policy.unlisted = UnlistedAnswer::kUnauthorized;
  EXPECT_TRUE(check_policy(policy));
}

// req: OCSP-RESP-059 OCSP-RESP-060
TEST(RefreshAge, CabfProfileReplacesInTime) {
  EXPECT_LE(refresh_age(cabf(hours(12))), hours(6));
  for (const auto validity : {hours(16), hours(96), hours(168), hours(240)}) {
    const Seconds age = refresh_age(cabf(validity));
    EXPECT_LE(age, validity - hours(8)) << validity.count();
    EXPECT_LE(age, hours(96)) << validity.count();
    EXPECT_LE(age, Seconds(validity) / 2) << validity.count();
    EXPECT_GT(age, Seconds(0));
  }
  IssuerPolicy lazy = cabf(hours(240));
  lazy.refresh = hours(239);
  EXPECT_LE(refresh_age(lazy), hours(96));
}

TEST(RefreshAge, DefaultsToHalf) {
  IssuerPolicy policy;
  policy.validity = hours(10);
  EXPECT_EQ(refresh_age(policy), hours(5));
  policy.refresh = hours(1);
  EXPECT_EQ(refresh_age(policy), hours(1));
}

}  // namespace
}  // namespace muster::responder
