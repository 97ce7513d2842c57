#include "muster/keeper/watchdog.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <thread>

namespace muster::keeper {
namespace {

TEST(StallJudge, TellsOnceForEachLimitAndWhenItMovesAgain) {
  StallJudge judge(Milliseconds(100));
  const MonotonicTime t0{std::chrono::hours(1)};
  const auto look = [&](std::uint64_t count, int ms) {
    return judge.look(count, t0 + Milliseconds(ms));
  };
  EXPECT_EQ(look(1, 0), std::nullopt);
  EXPECT_EQ(look(2, 90), std::nullopt);
  EXPECT_EQ(look(2, 189), std::nullopt);
  EXPECT_EQ(look(2, 190), Milliseconds(100));
  EXPECT_EQ(look(2, 250), std::nullopt) << "told already";
  EXPECT_EQ(look(2, 289), std::nullopt);
  EXPECT_EQ(look(2, 389), Milliseconds(299)) << "for the second limit, a little late";
  EXPECT_EQ(look(2, 489), Milliseconds(399));
  EXPECT_EQ(look(2, 580), Milliseconds(490));
  EXPECT_EQ(look(3, 600), Milliseconds(0));
  EXPECT_EQ(look(3, 650), std::nullopt);
  EXPECT_EQ(look(3, 700), Milliseconds(100));
}

TEST(StallJudge, TimeInWhichTheWholeProcessStoodDoesNotCount) {
  StallJudge judge(Milliseconds(100));
  const MonotonicTime t0{std::chrono::hours(1)};
  const auto look = [&](std::uint64_t count, int ms) {
    return judge.look(count, t0 + Milliseconds(ms));
  };
  EXPECT_EQ(look(1, 0), std::nullopt);
  EXPECT_EQ(look(1, 40), std::nullopt);
  EXPECT_EQ(look(1, 900'040), std::nullopt) << "stopped for a quarter of an hour";
  EXPECT_EQ(look(1, 900'090), std::nullopt) << "90 ms are what was seen";
  EXPECT_EQ(look(1, 900'100), Milliseconds(100)) << "and it did not come back to life";
  EXPECT_EQ(look(1, 1'900'100), std::nullopt);
  EXPECT_EQ(look(2, 1'900'110), Milliseconds(0));
}

TEST(Watchdog, NoticesFromItsOwnThreadThatNothingMoves) {
  std::promise<std::thread::id> noticed, moved;
  std::atomic<int> state{0};
  {
    // Stands still until that was noticed and moves from then on.
    const auto turns = [&state, n = std::uint64_t{7}]() mutable { return state == 0 ? n : ++n; };
    const Watchdog watchdog(turns, Milliseconds(200), [&](Milliseconds still) {
      int expected = still > Milliseconds(0) ? 0 : 1;
      if (state.compare_exchange_strong(expected, expected + 1)) {
        (expected == 0 ? noticed : moved).set_value(std::this_thread::get_id());
      }
    });
    const std::thread::id id = noticed.get_future().get();
    EXPECT_NE(id, std::this_thread::get_id());
    EXPECT_EQ(moved.get_future().get(), id);
  }
  EXPECT_EQ(state.load(), 2);
}

}  // namespace
}  // namespace muster::keeper
