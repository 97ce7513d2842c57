#include "breaker.h"

#include <gtest/gtest.h>

namespace muster::token {
namespace {

using Admission = Breaker::Admission;
using pki::KeyHealth;
constexpr MonotonicTime kStart{Milliseconds(1'000'000)};

class BreakerTest : public ::testing::Test {
 protected:
  Admission ask() { return breaker_.ask(now_); }
  void fail(int times = 1) {
    for (int i = 0; i < times; ++i) {
      breaker_.failed(now_);
    }
  }
  Breaker breaker_{3, Milliseconds(1000), Milliseconds(5000)};
  MonotonicTime now_ = kStart;
};

TEST_F(BreakerTest, FailuresInARowPauseTheKey) {
  fail(2);
  EXPECT_EQ(ask(), Admission::kGo);
  breaker_.succeeded();
  fail(2);
  EXPECT_EQ(ask(), Admission::kGo) << "they were not in a row";
  fail();
  EXPECT_EQ(ask(), Admission::kRefused);
  EXPECT_EQ(breaker_.health(now_), KeyHealth::kFailing);
  EXPECT_EQ(breaker_.left(now_), Milliseconds(1000));
}

TEST_F(BreakerTest, AfterThePauseOneIsTried) {
  fail(3);
  now_ += Milliseconds(999);
  EXPECT_EQ(ask(), Admission::kRefused);
  now_ += Milliseconds(1);
  EXPECT_EQ(breaker_.health(now_), KeyHealth::kProbeDue);
  EXPECT_EQ(ask(), Admission::kProbe);
  EXPECT_EQ(ask(), Admission::kRefused) << "one at a time";
  EXPECT_EQ(breaker_.health(now_), KeyHealth::kFailing);
  breaker_.succeeded();
  EXPECT_EQ(ask(), Admission::kGo);
  EXPECT_EQ(breaker_.health(now_), KeyHealth::kWell);
}

TEST_F(BreakerTest, PausesDoubleUpToTheLongest) {
  fail(3);
  for (const int pause : {1000, 2000, 4000, 5000, 5000}) {
    EXPECT_EQ(breaker_.left(now_), Milliseconds(pause));
    now_ += Milliseconds(pause);
    ASSERT_EQ(ask(), Admission::kProbe);
    fail();
  }
  now_ += Milliseconds(5000);
  ASSERT_EQ(ask(), Admission::kProbe);
  breaker_.succeeded();
  fail(3);
  EXPECT_EQ(breaker_.left(now_), Milliseconds(1000)) << "success forgets the pauses before";
}

TEST_F(BreakerTest, StragglersDoNotLengthenThePause) {
  fail(3);
  now_ += Milliseconds(500);
  fail(10);
  EXPECT_EQ(breaker_.left(now_), Milliseconds(500));
}

TEST_F(BreakerTest, AProbeThatNeverBeganIsGivenToTheNext) {
  fail(3);
  now_ += Milliseconds(1000);
  ASSERT_EQ(ask(), Admission::kProbe);
  breaker_.withdrawn();
  EXPECT_EQ(ask(), Admission::kProbe);
}

}  // namespace
}  // namespace muster::token
