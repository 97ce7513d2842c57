#include "fetch_plan.h"

#include <gtest/gtest.h>

namespace muster::source {
namespace {

constexpr MonotonicTime at(std::int64_t seconds) {
  return MonotonicTime(Seconds(1'000'000 + seconds));
}
FetchTiming timing() { return {Seconds(3600), Milliseconds(5'000), Milliseconds(600'000)}; }
Seconds after(const FetchPlan& plan, std::int64_t seconds) {
  return std::chrono::duration_cast<Seconds>(plan.next() - at(seconds));
}

TEST(FetchPlan, AsksAtOnceAndThenAtIntervals) {
  FetchPlan plan(timing());
  EXPECT_TRUE(plan.is_due(at(0)));
  plan.succeeded(at(0), std::nullopt, 0);
  EXPECT_EQ(after(plan, 0), Seconds(3600));
  EXPECT_FALSE(plan.is_due(at(3599)));
  EXPECT_TRUE(plan.is_due(at(3600)));
  plan.succeeded(at(0), std::nullopt, 0.999);
  EXPECT_GE(after(plan, 0), Seconds(3240)) << "spread over a tenth";
  EXPECT_LT(after(plan, 0), Seconds(3600));
}

TEST(FetchPlan, AsksWellBeforeTheCrlEnds) {
  FetchPlan plan(timing());
  plan.succeeded(at(0), Seconds(1000), 0);
  EXPECT_EQ(after(plan, 0), Seconds(500));
  plan.succeeded(at(0), Seconds(1), 0);
  EXPECT_EQ(after(plan, 0), Seconds(5)) << "but not all the time";
}

TEST(FetchPlan, AsksMoreAndMoreSeldomForWhatIsOver) {
  FetchPlan plan(timing());
  plan.succeeded(at(0), Seconds(0), 0);
  EXPECT_EQ(after(plan, 0), Seconds(5));
  plan.succeeded(at(0), Seconds(-9), 0);
  EXPECT_EQ(after(plan, 0), Seconds(10));
  plan.succeeded(at(0), Seconds(90'000), 0);
  EXPECT_EQ(after(plan, 0), Seconds(3600));
}

// req: OCSP-CRL-053
TEST(FetchPlan, BacksOffWithJitterUpToALimit) {
  FetchPlan plan(timing());
  for (const std::int64_t expected : {5, 10, 20, 40, 80, 160, 320, 600, 600}) {
    FetchPlan jittered = plan;
    jittered.failed(at(0), std::nullopt, 0.999);
    plan.failed(at(0), std::nullopt, 0);
    EXPECT_EQ(after(plan, 0), Seconds(expected));
    EXPECT_GE(jittered.next(), at(0) + Milliseconds(expected * 500));
    EXPECT_LT(jittered.next(), plan.next());
  }
  for (int i = 0; i < 100; ++i) {
    plan.failed(at(0), std::nullopt, 0);
  }
  EXPECT_EQ(after(plan, 0), Seconds(600));
  plan.succeeded(at(0), std::nullopt, 0);
  plan.failed(at(0), std::nullopt, 0);
  EXPECT_EQ(after(plan, 0), Seconds(5)) << "a success forgets failures";
}

TEST(FetchPlan, HeedsRetryAfterWithinReason) {
  FetchPlan plan(timing());
  plan.failed(at(0), Seconds(120), 0);
  EXPECT_EQ(after(plan, 0), Seconds(120));
  plan.failed(at(0), Seconds(1), 0);
  EXPECT_EQ(after(plan, 0), Seconds(10));
  plan.failed(at(0), Seconds(1'000'000), 0);
  EXPECT_EQ(after(plan, 0), kMostRetryAfter);
}

}  // namespace
}  // namespace muster::source
