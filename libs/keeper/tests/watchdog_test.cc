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
  EXPECT_EQ(look(2, 495), Milliseconds(405));
  EXPECT_EQ(look(2, 580), std::nullopt);
  EXPECT_EQ(look(3, 600), Milliseconds(0));
  EXPECT_EQ(look(3, 650), std::nullopt);
  EXPECT_EQ(look(3, 700), Milliseconds(100));
}

TEST(Watchdog, NoticesFromItsOwnThreadThatNothingMoves) {
  std::promise<std::thread::id> noticed, moved;
  std::atomic<std::uint64_t> turns{7};
  std::atomic<int> state{0};
  {
    const Watchdog watchdog([&] { return turns.load(); }, Milliseconds(5),
                            [&](Milliseconds still) {
                              if (still > Milliseconds(0) && state.exchange(1) == 0) {
                                noticed.set_value(std::this_thread::get_id());
                              } else if (still == Milliseconds(0) && state.exchange(2) == 1) {
                                moved.set_value(std::this_thread::get_id());
                              }
                            });
    EXPECT_NE(noticed.get_future().get(), std::this_thread::get_id());
    auto over = moved.get_future();
    while (over.wait_for(Milliseconds(2)) != std::future_status::ready) {
      ++turns;
    }
  }
  EXPECT_EQ(state.load(), 2);
}

}  // namespace
}  // namespace muster::keeper
