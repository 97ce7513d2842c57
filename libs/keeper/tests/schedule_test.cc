#include "schedule.h"

#include <gmock/gmock.h>

namespace muster::keeper {
namespace {

constexpr UnixSeconds kNow = unix_seconds(1'000'000);
constexpr std::int64_t kDay = 86400;

StapleFacts good(std::int64_t this_update, std::int64_t expires) {
  return {StapleStatus::kGood, kNow + Seconds(this_update), kNow + Seconds(expires)};
}
double seconds(Milliseconds d) { return static_cast<double>(d.count()) / 1000; }

// req: OCSP-STAP-004
TEST(Schedule, RefreshesBeforeAThirdOfTheWindowWithJitter) {
  const PlanPolicy policy;
  const StapleFacts fresh = good(0, kDay);
  double least = 1e9, most = 0;
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const double at =
        seconds(delay_after_answer(policy, fresh, std::nullopt, kNow, random.next())) / kDay;
    least = std::min(least, at);
    most = std::max(most, at);
  }
  EXPECT_GE(least, 0.24);
  EXPECT_LE(most, 0.30);  // an outage of 2/3 of the window that begins here ends before the window
  EXPECT_GT(most - least, 0.05) << "no jitter";
}

// req: OCSP-STAP-004
TEST(Schedule, MaxAgeDelaysOnlyWithinBounds) {
  const PlanPolicy policy;
  const StapleFacts fresh = good(0, kDay);
  const double early = 0.999;
  EXPECT_NEAR(seconds(delay_after_answer(policy, fresh, Seconds(0), kNow, early)), 0.24 * kDay,
              100);
  EXPECT_NEAR(seconds(delay_after_answer(policy, fresh, Seconds(kDay / 4), kNow, early)),
              0.25 * kDay, 1);
  EXPECT_NEAR(seconds(delay_after_answer(policy, fresh, Seconds(kDay), kNow, early)), 0.30 * kDay,
              1);
  const StapleFacts old =
      good(-kDay / 2, kDay / 2);  // nothing newer to be had: half the window is gone
  EXPECT_NEAR(seconds(delay_after_answer(policy, old, std::nullopt, kNow, 0)), 0.125 * kDay, 1);
  EXPECT_NEAR(seconds(delay_after_answer(policy, old, Seconds(kDay), kNow, 0)), 0.25 * kDay, 1);
}

TEST(Schedule, WhatServersMakeNoUseOfDoesNotCount) {
  PlanPolicy policy;
  policy.unused_end = Seconds(300);
  EXPECT_NEAR(seconds(delay_after_answer(policy, good(0, 900), std::nullopt, kNow, 0)), 180, 1);
  EXPECT_NEAR(seconds(delay_after_answer(policy, good(0, 900), Seconds(800), kNow, 0)), 180, 1);
  const StapleFacts held = good(0, 900);
  EXPECT_NEAR(seconds(delay_at_start(policy, &held, kNow, 0)), 180, 1);
  EXPECT_NEAR(seconds(delay_after_answer(policy, good(0, 400), std::nullopt, kNow, 0)), 60, 1)
      << "half of a short one counts all the same";

  const StapleFacts old = good(-500, 400);  // 100 s until servers let go of it
  EXPECT_NEAR(seconds(delay_after_failure(policy, &old, 20, Seconds(300), std::nullopt, kNow, 0)),
              5, 0.1);
  EXPECT_NEAR(seconds(delay_after_answer(policy, old, std::nullopt, kNow, 0)), 25, 1);
  const StapleFacts unused = good(-700, 200);  // they have
  EXPECT_NEAR(
      seconds(delay_after_failure(policy, &unused, 20, Seconds(300), std::nullopt, kNow, 0)), 10,
      0.1);
}

TEST(Schedule, AsksASlowlyRenewingResponderOftenEnoughAndNotMore) {
  // The old answer is served until 2 % before it expires (a lazy CDN): the last question must fall
  // behind that.
  const PlanPolicy policy;
  for (const std::int64_t window : {std::int64_t{60}, std::int64_t{3600}, kDay, 7 * kDay}) {
    double at = 0;
    int questions = 0;
    while (at < 0.98) {
      const auto age = static_cast<std::int64_t>(at * static_cast<double>(window));
      at += seconds(delay_after_answer(policy, good(-age, window - age), std::nullopt, kNow, 0)) /
            static_cast<double>(window);
      ++questions;
    }
    EXPECT_LT(at, 1.0) << window;
    EXPECT_LE(questions, 16) << window;
  }
}

TEST(Schedule, MaxRefreshBoundsTheWait) {
  PlanPolicy policy;
  policy.max_refresh = Seconds(10);
  for (const double chance : {0.0, 0.5, 0.99}) {
    EXPECT_LE(seconds(delay_after_answer(policy, good(0, kDay), Seconds(kDay), kNow, chance)), 10);
    EXPECT_GE(seconds(delay_after_answer(policy, good(0, kDay), std::nullopt, kNow, chance)), 9);
    EXPECT_LE(seconds(delay_at_start(policy, nullptr, kNow, chance)), 0);
  }
  const StapleFacts held = good(0, kDay);
  EXPECT_LE(seconds(delay_after_failure(policy, &held, 20, Seconds(kDay), std::nullopt, kNow, 0)),
            10);
}

// req: OCSP-STAP-004
TEST(Schedule, RetriesDoubleAndTightenTowardsExpiry) {
  const PlanPolicy policy;
  const auto delay = [&](std::int64_t remaining, unsigned failures) {
    const StapleFacts held = good(remaining - kDay, remaining);
    return seconds(
        delay_after_failure(policy, &held, failures, Seconds(600), std::nullopt, kNow, 0));
  };
  EXPECT_EQ(delay(kDay, 1), 10);
  EXPECT_EQ(delay(kDay, 2), 10);
  EXPECT_EQ(delay(kDay, 3), 20);
  EXPECT_EQ(delay(kDay, 5), 80);
  EXPECT_EQ(delay(kDay, 30), 3600);  // never above an hour
  EXPECT_EQ(delay(3600, 30), 180);   // 5 % of what remains
  EXPECT_EQ(delay(100, 30), 10);     // but no hammering at the end
  const StapleFacts brief = good(-55, 5);
  EXPECT_EQ(seconds(delay_after_failure(policy, &brief, 1, Seconds(0), std::nullopt, kNow, 0)), 1);
  const StapleFacts held = good(0, kDay);
  EXPECT_NEAR(
      seconds(delay_after_failure(policy, &held, 5, Seconds(600), std::nullopt, kNow, 0.999)), 60,
      0.1);
}

TEST(Schedule, WithNothingToStapleItStaysBelowFourMinutes) {
  const PlanPolicy policy;
  for (const std::int64_t failing : {0, 60, 3600, 86400, 864000}) {
    const double d =
        seconds(delay_after_failure(policy, nullptr, 20, Seconds(failing), std::nullopt, kNow, 0));
    EXPECT_GE(d, 30) << failing;
    EXPECT_LE(d, 240) << failing;
  }
  EXPECT_EQ(seconds(delay_after_failure(policy, nullptr, 1, Seconds(0), std::nullopt, kNow, 0)), 5);
}

TEST(Schedule, RetryAfterIsObeyedWithinBounds) {
  const PlanPolicy policy;
  const StapleFacts held = good(0, kDay);
  const auto wait = [&](const StapleFacts* live, std::int64_t retry_after) {
    return seconds(delay_after_failure(policy, live, 1, Seconds(0), Seconds(retry_after), kNow, 0));
  };
  EXPECT_EQ(wait(&held, 120), 120);
  EXPECT_EQ(wait(&held, 2), 10);
  EXPECT_EQ(wait(&held, 10 * kDay), kDay / 4);  // not into the danger zone
  EXPECT_EQ(wait(nullptr, 300), 300);
  EXPECT_EQ(wait(nullptr, kDay), 900);
}

TEST(Schedule, AtStartWhatIsHeldWaitsForItsPointAndOverdueIsSpread) {
  const PlanPolicy policy;
  const StapleFacts fresh = good(0, kDay), overdue = good(-kDay / 2, kDay / 2),
                    expired = good(-kDay, 0);
  EXPECT_EQ(seconds(delay_at_start(policy, nullptr, kNow, 0.5)), 0);
  EXPECT_EQ(seconds(delay_at_start(policy, &expired, kNow, 0.5)), 0);
  EXPECT_NEAR(seconds(delay_at_start(policy, &fresh, kNow, 0.5)), 0.27 * kDay, 1);
  EXPECT_EQ(seconds(delay_at_start(policy, &overdue, kNow, 0.5)), 30);
  const StapleFacts dying = good(-kDay, 100);
  EXPECT_LE(seconds(delay_at_start(policy, &dying, kNow, 0.99)), 5);
}

}  // namespace
}  // namespace muster::keeper
