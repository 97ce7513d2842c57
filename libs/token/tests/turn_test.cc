#include "turn.h"

#include <gtest/gtest.h>

#include <future>

namespace muster::token {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kLong{60};
MonotonicTime in(Milliseconds time) { return steady_clock::now() + time; }

TEST(Turn, IsHadByOneAtATime) {
  Turn turn;
  auto held = turn.take(in(kLong));
  ASSERT_NE(held, nullptr);
  EXPECT_GT(turn.held_for(), Milliseconds(0));
  EXPECT_EQ(turn.take(in(Milliseconds(20))), nullptr) << "not within one's own deadline";
  held.reset();
  EXPECT_EQ(turn.held_for(), Milliseconds(0));
  EXPECT_EQ(turn.take(in(Milliseconds(-1))), nullptr) << "too late before it began";
  EXPECT_NE(turn.take(in(kLong)), nullptr);
}

TEST(Turn, IsHandedOverWithoutWaitingForADeadline) {
  Turn turn;
  auto held = turn.take(in(kLong));
  auto next = std::async(std::launch::async, [&] { return turn.take(in(kLong)) != nullptr; });
  held.reset();
  EXPECT_TRUE(next.get());
}

TEST(Turn, NobodyWaitsForOneThatHangs) {
  Turn turn;
  const auto hanging = turn.take(in(Milliseconds(1000)));
  const MonotonicTime end = in(kLong);
  EXPECT_EQ(turn.take(end), nullptr);
  EXPECT_LT(steady_clock::now(), end) << "it had more time than the one inside";
}

}  // namespace
}  // namespace muster::token
