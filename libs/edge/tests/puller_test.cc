#include "muster/edge/puller.h"

#include "edge_world.h"
#include "muster/testing/eventually.h"

namespace muster::edge {
namespace {

using testing::eventually;
using ::testing::HasSubstr;

constexpr Seconds kLong{86'400};  ///< no second pull comes by itself

TEST(Puller, PullsAtOnceAndWhenWoken) {
  EdgeWorld world;
  Puller puller(*world.mirror, kLong, world.clock, null_logger());
  ASSERT_TRUE(eventually([&] { return puller.figures().succeeded == 1; }));
  const PullFigures first = puller.figures();
  EXPECT_EQ(first.fetched, 6U);
  EXPECT_EQ(first.last_success, world.clock.now());
  EXPECT_FALSE(first.failing_since);
  puller.wake();
  ASSERT_TRUE(eventually([&] { return puller.figures().succeeded == 2; }));
  EXPECT_EQ(puller.figures().fetched, 6U);
}

TEST(Puller, CountsFailuresByReasonAndComesBackByItself) {
  EdgeWorld world;
  world.origin.go_down();
  Puller puller(*world.mirror, kLong, world.clock, null_logger());
  const auto failures = [&puller](MirrorErrc code) {
    return puller.figures().failed.at(static_cast<std::size_t>(code));
  };
  ASSERT_TRUE(eventually([&] { return failures(MirrorErrc::kUnreachable) != 0; }));
  EXPECT_EQ(puller.figures().failing_since, world.clock.now());
  EXPECT_THAT(puller.figures().why, HasSubstr("503"));
  world.origin.tell_the_truth();
  world.origin.lie("/manifest", Buffer{0x78});
  // Nobody wakes it: after a failure the next pull does not wait for the interval.
  ASSERT_TRUE(eventually([&] { return failures(MirrorErrc::kTampered) != 0; }));
  world.origin.tell_the_truth();
  ASSERT_TRUE(eventually([&] { return puller.figures().succeeded == 1; }));
  EXPECT_FALSE(puller.figures().failing_since);
  EXPECT_EQ(puller.figures().why, "");
}

}  // namespace
}  // namespace muster::edge
