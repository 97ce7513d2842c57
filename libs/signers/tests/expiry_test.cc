#include "muster/signers/expiry.h"

#include <gtest/gtest.h>

#include "muster/testing/fake_clock.h"

namespace muster::signers {
namespace {

using muster::testing::kTestNow;
constexpr Seconds kDay = std::chrono::hours(24);

TEST(Expiry, LevelsBeginAtFourteenAndThreeDays) {
  const UnixSeconds end = kTestNow + 100 * kDay;
  EXPECT_EQ(expiry_level(end, end - 14 * kDay - Seconds(1)), ExpiryLevel::kFar);
  EXPECT_EQ(expiry_level(end, end - 14 * kDay), ExpiryLevel::kSoon);
  EXPECT_EQ(expiry_level(end, end - 3 * kDay - Seconds(1)), ExpiryLevel::kSoon);
  EXPECT_EQ(expiry_level(end, end - 3 * kDay), ExpiryLevel::kUrgent);
  EXPECT_EQ(expiry_level(end, end - Seconds(1)), ExpiryLevel::kUrgent);
  EXPECT_EQ(expiry_level(end, end), ExpiryLevel::kEnded);
  EXPECT_EQ(days_left(end, end - kDay - Seconds(1)), 1);
  EXPECT_EQ(days_left(end, end - Seconds(1)), 0);
  EXPECT_EQ(days_left(end, end + Seconds(1)), -1);
}

// req: OCSP-RESP-040
TEST(Expiry, EachAlarmIsToldOnceOnTheWayToTheEnd) {
  ExpiryAlarms alarms;
  const UnixSeconds end = kTestNow + 30 * kDay;
  std::vector<std::pair<std::int64_t, ExpiryLevel>> told;
  for (UnixSeconds now = kTestNow; now <= end + kDay;
       now += std::chrono::hours(1)) {  // a simulated month
    if (const auto level = alarms.look("ca", end, now)) {
      told.emplace_back(days_left(end, now), *level);
    }
  }
  const std::vector<std::pair<std::int64_t, ExpiryLevel>> expected = {
      {14, ExpiryLevel::kSoon}, {3, ExpiryLevel::kUrgent}, {0, ExpiryLevel::kEnded}};
  EXPECT_EQ(told, expected);
}

TEST(Expiry, RenewalEndsTheAlarmAndLaterOnesAreToldAgain) {
  ExpiryAlarms alarms;
  EXPECT_EQ(alarms.look("ca", kTestNow + 2 * kDay, kTestNow), ExpiryLevel::kUrgent);
  EXPECT_EQ(alarms.look("other", kTestNow + 2 * kDay, kTestNow), ExpiryLevel::kUrgent);
  EXPECT_FALSE(alarms.look("ca", kTestNow + 90 * kDay, kTestNow));
  EXPECT_EQ(alarms.look("ca", kTestNow + 90 * kDay, kTestNow + 80 * kDay), ExpiryLevel::kSoon);
}

}  // namespace
}  // namespace muster::signers
