// When what is signed ahead, in simulated time.
#include "presign_plan.h"

#include <gtest/gtest.h>

#include "muster/testing/pki_builder.h"

namespace muster::responder {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::kTestNow;
using testing::make_serial;

constexpr MonotonicTime kStart{std::chrono::hours(5)};

TEST(PresignQueue, WhatSaysSomethingUntrueGoesFirst) {
  PresignQueue queue(10);
  queue.push({0, make_serial(1)}, PresignUrgency::kLater);
  queue.push({0, make_serial(2)}, PresignUrgency::kLater);
  queue.push({1, make_serial(3)}, PresignUrgency::kNow);
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_EQ(queue.pop()->serial, make_serial(3));
  EXPECT_EQ(queue.pop()->serial, make_serial(1));
  EXPECT_EQ(queue.pop()->serial, make_serial(2));
  EXPECT_FALSE(queue.pop());
}

TEST(PresignQueue, ShedsWhatFindsItFull) {
  PresignQueue queue(2);
  EXPECT_EQ(queue.push({0, make_serial(1)}, PresignUrgency::kLater), PresignQueue::Taken::kYes);
  EXPECT_EQ(queue.push({0, make_serial(2)}, PresignUrgency::kLater), PresignQueue::Taken::kYes);
  EXPECT_EQ(queue.push({0, make_serial(3)}, PresignUrgency::kLater), PresignQueue::Taken::kShed);
  EXPECT_EQ(queue.push({0, make_serial(4)}, PresignUrgency::kNow), PresignQueue::Taken::kYes)
      << "a revocation finds room when a whole issuer waits";
  queue.clear();
  EXPECT_EQ(queue.size(), 0U);
}

TEST(RenewAt, IsWellBeforeTheEndAndSpread) {
  const UnixSeconds end = kTestNow + hours(100);
  EXPECT_EQ(renew_at(kTestNow, end, 0), kTestNow + hours(50));
  EXPECT_LE(renew_at(kTestNow, end, 1023), kTestNow + hours(90));
  EXPECT_GT(renew_at(kTestNow, end, 1023), kTestNow + hours(89));
}

TEST(SignatureBudget, KeepsItsRateAndSavesUpLittle) {
  SignatureBudget budget(200);
  unsigned taken = 0;
  MonotonicTime now = kStart;
  for (int step = 0; step < 10'000; ++step) {  // ten seconds, a millisecond each
    while (budget.take(now).count() == 0) {
      ++taken;
    }
    now += milliseconds(1);
  }
  EXPECT_GE(taken, 1990U);
  EXPECT_LE(taken, 2025U);
  now += hours(1);
  taken = 0;
  while (budget.take(now).count() == 0) {
    ++taken;
  }
  EXPECT_LE(taken, 22U) << "an idle hour saves up no burst";
  EXPECT_GT(budget.take(now).count(), 0) << "how long to wait";
  EXPECT_LE(budget.take(now), milliseconds(5));
  now += hours(1);
  EXPECT_EQ(budget.take(now).count(), 0);
  budget.spend(199);  // an item of two hundred
  EXPECT_GE(budget.take(now), milliseconds(890));
}

TEST(SignatureBudget, ZeroIsNoLimit) {
  SignatureBudget budget(0);
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_EQ(budget.take(kStart).count(), 0);
  }
}

TEST(RestAfter, KeepsTheShareOfACore) {
  EXPECT_EQ(rest_after(milliseconds(10), 50), milliseconds(10));
  EXPECT_EQ(rest_after(milliseconds(10), 10), milliseconds(90));
  EXPECT_EQ(rest_after(milliseconds(10), 100), milliseconds(0));
}

TEST(LookSchedule, LooksAtOnceThenSeldomThenWhenSomethingChanged) {
  LookSchedule schedule;
  EXPECT_LE(schedule.next(7, 0), kStart);
  schedule.looked(kStart, kStart + milliseconds(10), 7, true);
  EXPECT_EQ(schedule.next(7, 0), kStart + milliseconds(10) + LookSchedule::kLongest);
  EXPECT_EQ(schedule.next(8, 0), kStart + milliseconds(10) + LookSchedule::kShortest)
      << "the store moved";
}

TEST(LookSchedule, ALookTakesATwentiethOfACoreAtMost) {
  LookSchedule schedule;
  const Seconds look(10);
  schedule.looked(kStart, kStart + look, 7, true);
  EXPECT_EQ(schedule.next(8, 0), kStart + 20 * look);
}

TEST(LookSchedule, GoesOnAtOnceWhereTheQueueWasFull) {
  LookSchedule schedule;
  schedule.looked(kStart, kStart + Seconds(10), 7, false);
  EXPECT_TRUE(schedule.goes_on(7));
  EXPECT_FALSE(schedule.goes_on(8)) << "from the beginning: something changed";
  EXPECT_EQ(schedule.next(7, 0), kStart + Seconds(10));
  EXPECT_GT(schedule.next(7, 100'000), kStart + Seconds(10)) << "enough waits to be signed";
  schedule.forget();
  EXPECT_FALSE(schedule.goes_on(7));
  EXPECT_LE(schedule.next(7, 0), kStart);
}

}  // namespace
}  // namespace muster::responder
