#include "muster/base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace muster {
namespace {

TEST(DurationHistogram, PutsEachDurationIntoItsClass) {
  DurationHistogram histogram(kAnswerBounds);
  histogram.add(std::chrono::nanoseconds(0));
  histogram.add(std::chrono::microseconds(10));  // the end belongs to the class
  histogram.add(std::chrono::nanoseconds(10'001));
  histogram.add(std::chrono::hours(1));
  const DurationCounts counts = histogram.read();
  EXPECT_EQ(counts.counts[0], 2U);
  EXPECT_EQ(counts.counts[1], 1U);
  EXPECT_EQ(counts.counts.back(), 1U);
  EXPECT_EQ(counts.sum_us, 3'600'000'020U);
}

TEST(DurationHistogram, ClassesRise) {
  EXPECT_TRUE(std::is_sorted(kAnswerBounds.begin(), kAnswerBounds.end()));
  EXPECT_TRUE(std::is_sorted(kPropagationBounds.begin(), kPropagationBounds.end()));
}

TEST(DurationCounts, AddUp) {
  DurationCounts a;
  DurationCounts b;
  a.add(kPropagationBounds, std::chrono::milliseconds(1));
  b.add(kPropagationBounds, std::chrono::milliseconds(2));
  a.add(b);
  EXPECT_EQ(a.counts[0], 1U);
  EXPECT_EQ(a.counts[1], 1U);
  EXPECT_EQ(a.sum_us, 3000U);
}

}  // namespace
}  // namespace muster
