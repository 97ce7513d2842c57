#include "muster/responder/log_samples.h"

#include <gtest/gtest.h>

namespace muster::responder {
namespace {

constexpr Seconds kInterval{10};
constexpr UnixSeconds kStart{Seconds(1'000'000)};
constexpr LogKind kKind = 1;

struct TwoLoops {
  std::shared_ptr<SharedLogSamples> shared = std::make_shared<SharedLogSamples>();
  LogSampler first{kInterval, shared}, second{kInterval, shared};
};

TEST(LogSampler, AllLoopsTogetherWriteOneLineInAnInterval) {
  TwoLoops loops;
  EXPECT_EQ(loops.first.take("ca", kKind, kStart), 0U);
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(loops.first.take("ca", kKind, kStart + Seconds(1)));
    EXPECT_FALSE(loops.second.take("ca", kKind, kStart + Seconds(1)));
  }
  EXPECT_EQ(loops.second.take("ca", kKind, kStart + kInterval), 5U)
      << "its own four, and the one it told the other of";
  EXPECT_FALSE(loops.first.take("ca", kKind, kStart + kInterval)) << "brings its five along";
  EXPECT_EQ(loops.first.take("ca", kKind, kStart + 2 * kInterval), 6U);
}

TEST(LogSampler, IssuersAndKindsDoNotHideEachOther) {
  TwoLoops loops;
  EXPECT_TRUE(loops.first.take("ca", kKind, kStart));
  EXPECT_TRUE(loops.second.take("other", kKind, kStart));
  EXPECT_TRUE(loops.second.take("ca", kUnissuedKind, kStart));
  EXPECT_TRUE(loops.first.take("", kKind, kStart));
  EXPECT_FALSE(loops.second.take("ca", kKind, kStart));
}

TEST(LogSampler, AClockSetBackSilencesNothingForLong) {
  TwoLoops loops;
  EXPECT_TRUE(loops.first.take("ca", kKind, kStart));
  EXPECT_TRUE(loops.first.take("ca", kKind, kStart - Seconds(3600)));
}

TEST(LogSampleTable, HoldsABoundedNumberOfIssuers) {
  LogSampleTable table;
  for (std::size_t i = 0; i < LogSampleTable::kMaxIssuers; ++i) {
    table.of(std::to_string(i), kKind).left_out = i;
  }
  EXPECT_EQ(&table.of("one", kKind), &table.of("another", kKind));
  EXPECT_EQ(table.of("7", kKind).left_out, 7U);
}

}  // namespace
}  // namespace muster::responder
