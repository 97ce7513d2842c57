#include "histogram.h"

#include <gtest/gtest.h>

namespace muster::bench {
namespace {

TEST(Histogram, HasNoQuantilesBeforeTheFirstValue) {
  const Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.99), 0U);
  EXPECT_EQ(histogram.total(), 0U);
}

TEST(Histogram, KeepsSmallValuesExactly) {
  Histogram histogram;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    histogram.add(i);
  }
  EXPECT_EQ(histogram.quantile(0), 1U);
  EXPECT_EQ(histogram.quantile(0.5), 50U);
  EXPECT_EQ(histogram.quantile(0.99), 99U);
  EXPECT_EQ(histogram.quantile(1), 100U);
}

TEST(Histogram, IsWithinOnePartIn128OfAnyOneValue) {
  for (std::uint64_t value = 1; value < std::uint64_t{1} << 39; value = value * 3 / 2 + 1) {
    Histogram histogram;
    histogram.add(value);
    histogram.add(~std::uint64_t{0} >> 20U);  // so that the largest is not what is told
    const std::uint64_t told = histogram.quantile(0.5);
    EXPECT_GE(told, value);
    EXPECT_LE(told, value + value / 128);
  }
}

TEST(Histogram, NeverTellsMoreThanTheLargest) {
  Histogram histogram;
  histogram.add(1'000'000'007);
  EXPECT_EQ(histogram.quantile(0.5), 1'000'000'007U);
  EXPECT_EQ(histogram.max(), 1'000'000'007U);
}

TEST(Histogram, TakesWhatIsLongerThanItKnows) {
  Histogram histogram;
  histogram.add(~std::uint64_t{0});
  EXPECT_EQ(histogram.total(), 1U);
  EXPECT_EQ(histogram.max(), ~std::uint64_t{0});
  EXPECT_GT(histogram.quantile(1), std::uint64_t{1} << 39U);
}

TEST(Histogram, OneStallInAHundredIsThe99th) {
  Histogram histogram;
  for (int i = 0; i < 980; ++i) {
    histogram.add(50'000);
  }
  for (int i = 0; i < 20; ++i) {
    histogram.add(200'000'000);
  }
  EXPECT_LT(histogram.quantile(0.98), 51'000U);
  EXPECT_GE(histogram.quantile(0.99), 200'000'000U);
}

}  // namespace
}  // namespace muster::bench
