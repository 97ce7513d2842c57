#include <gtest/gtest.h>

#include "muster/client/verify.h"
#include "muster/testing/fake_clock.h"

namespace muster::client {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
constexpr UnixSeconds kStart = testing::kTestNow;

std::string state(Seconds age, Seconds life) {
  return std::string(to_string(classify_freshness(kStart, kStart + life, kStart + age)));
}

TEST(Freshness, FollowsTheShareOfLifeLeft) {
  constexpr Seconds kLife = hours(100);
  EXPECT_EQ(state(Seconds(0), kLife), "fresh");
  EXPECT_EQ(state(hours(50) - Seconds(1), kLife), "fresh");
  EXPECT_EQ(state(hours(50), kLife), "due");
  EXPECT_EQ(state(hours(67) - Seconds(1), kLife), "due");
  EXPECT_EQ(state(hours(67), kLife), "late");
  EXPECT_EQ(state(hours(90) - Seconds(1), kLife), "late");
  EXPECT_EQ(state(hours(90), kLife), "critical");
  EXPECT_EQ(state(hours(100) - Seconds(1), kLife), "critical");
  EXPECT_EQ(state(hours(100), kLife), "expired");
}

TEST(Freshness, LastHourIsCriticalOnlyForLongIntervals) {
  EXPECT_EQ(state(hours(7) + Seconds(1), hours(8)), "critical")
      << "12 % left, but less than an hour";
  EXPECT_EQ(state(hours(7), hours(8)), "late");
  EXPECT_EQ(state(minutes(30), hours(1)), "due")
      << "short intervals are always within their last hour";
}

TEST(Freshness, KnowsTheFutureAndTheAbsent) {
  EXPECT_EQ(classify_freshness(kStart + Seconds(301), kStart + hours(9), kStart),
            Freshness::kNotYetValid);
  EXPECT_EQ(classify_freshness(kStart + Seconds(300), kStart + hours(9), kStart),
            Freshness::kFresh);
  EXPECT_EQ(classify_freshness(kStart + Seconds(1), kStart + hours(9), kStart, Seconds(0)),
            Freshness::kNotYetValid);
  EXPECT_EQ(classify_freshness(kStart, std::nullopt, kStart), Freshness::kNoNextUpdate);
}

TEST(Freshness, SurvivesTheFarFuture) {
  const UnixSeconds end = unix_seconds(253402300799);  // 99991231235959Z, legal in last answers
  EXPECT_EQ(classify_freshness(kStart, end, kStart), Freshness::kFresh);
  EXPECT_EQ(classify_freshness(unix_seconds(-62167219200), end, end - Seconds(1)),
            Freshness::kCritical);
}

TEST(Freshness, ShareLeftIsClampedAndNeverInvented) {
  EXPECT_DOUBLE_EQ(*share_left(kStart, kStart + hours(4), kStart + hours(1)), 0.75);
  EXPECT_DOUBLE_EQ(*share_left(kStart, kStart + hours(4), kStart + hours(5)), 0.0);
  EXPECT_DOUBLE_EQ(*share_left(kStart, kStart + hours(4), kStart - hours(5)), 1.0);
  EXPECT_FALSE(share_left(kStart, std::nullopt, kStart));
  EXPECT_FALSE(share_left(kStart, kStart, kStart));
}

}  // namespace
}  // namespace muster::client
