#include "muster/base/turns.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <latch>
#include <string>
#include <thread>
#include <vector>

namespace muster {
namespace {

constexpr Milliseconds kAtOnce{-1};  // shorter than any wait

/// Whether there comes a time at which so many threads want a turn.
bool comes(const Turns& turns, std::size_t wanting) {
  const MonotonicTime deadline = std::chrono::steady_clock::now() + Seconds(60);
  while (turns.wanting_for_test() != wanting) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    std::this_thread::yield();
  }
  return true;
}

TEST(Turns, NoMoreComputeThanTold) {
  Turns turns(3);
  std::atomic<int> computing{0}, most{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        Turn turn(turns);
        const int now = ++computing;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::yield();
        --computing;
      }
    });
  }
  threads.clear();
  EXPECT_LE(most, 3);
}

// This ends only when the thread that waits gave its turn up.
TEST(Turns, WhoWaitsGivesItUp) {
  Turns turns(1);
  std::latch waits(1), goes_on(1);
  std::jthread waiting([&] {
    Turn turn(turns);
    waits.count_down();
    const WhileWaiting others(AfterWait::kMuch);
    goes_on.wait();
  });
  waits.wait();
  Turn mine(turns);
  goes_on.count_down();
}

TEST(Turns, ThoseWithLittleToDoGoFirstThenWhoWasBegunFirst) {
  Turns turns(1);
  std::vector<std::string> order;  // by the only turn
  struct Stage {
    std::latch waits{1}, goes_on{1};
  } first, second, third;
  const auto take_part = [&](const char* name, Stage& stage, AfterWait then) {
    Turn turn(turns);
    {
      const WhileWaiting others(then);
      stage.waits.count_down();
      stage.goes_on.wait();
    }
    order.emplace_back(name);
  };
  std::vector<std::jthread> threads;
  threads.emplace_back([&] { take_part("first", first, AfterWait::kMuch); });
  first.waits.wait();
  threads.emplace_back([&] { take_part("second", second, AfterWait::kMuch); });
  second.waits.wait();
  threads.emplace_back([&] { take_part("third", third, AfterWait::kLittle); });
  third.waits.wait();
  {
    Turn mine(turns);
    second.goes_on.count_down();
    EXPECT_TRUE(comes(turns, 1));
    third.goes_on.count_down();
    EXPECT_TRUE(comes(turns, 2));
    first.goes_on.count_down();
    EXPECT_TRUE(comes(turns, 3));
    threads.emplace_back([&] {
      Turn turn(turns);
      order.emplace_back("new");
    });
    EXPECT_TRUE(comes(turns, 4));
  }
  threads.clear();
  EXPECT_EQ(order, (std::vector<std::string>{"third", "new", "first", "second"}));
}

TEST(Turns, WhoHoldsOneForTooLongIsPassedOverOnce) {
  Turns turns(1);
  std::latch holds(1), goes_on(1);
  std::chrono::nanoseconds counted{-1};
  std::jthread hangs([&] {
    Turn turn(turns);
    holds.count_down();
    goes_on.wait();
    counted = turn.held();
  });
  holds.wait();
  EXPECT_EQ(turns.pass_over(std::chrono::hours(1)), 0U);
  EXPECT_EQ(turns.pass_over(kAtOnce), 1U);
  EXPECT_EQ(turns.pass_over(kAtOnce), 1U);
  std::jthread wants;
  {
    Turn mine(turns);
    wants = std::jthread([&] { Turn turn(turns); });
    EXPECT_TRUE(comes(turns, 1)) << "one was let in, not two";
    goes_on.count_down();
    hangs.join();
    EXPECT_EQ(turns.wanting_for_test(), 1U) << "its place has been given away";
    EXPECT_EQ(counted.count(), 0) << "a wait is no work";
  }
  wants.join();
}

TEST(Turns, WaitsThatAreSaidCountAsSuch) {
  Turns turns(1);
  Turn turn(turns);
  const WhileWaiting others(AfterWait::kMuch);
  EXPECT_EQ(turns.pass_over(std::chrono::hours(1)), 0U);
  EXPECT_EQ(turns.pass_over(kAtOnce), 1U);
}

TEST(Turns, AreGivenUpOnceAndOnlyByWhoHasOne) {
  { const WhileWaiting nobody(AfterWait::kMuch); }
  Turns turns(1);
  std::jthread wants;
  {
    Turn turn(turns);
    {
      const WhileWaiting outer(AfterWait::kMuch);
      const WhileWaiting inner(AfterWait::kMuch);
      std::jthread([&] { Turn other(turns); }).join();
      errno = EAGAIN;
    }
    EXPECT_EQ(errno, EAGAIN);
    wants = std::jthread([&] { Turn other(turns); });
    EXPECT_TRUE(comes(turns, 1)) << "there is still one turn";
  }
  wants.join();
}

}  // namespace
}  // namespace muster
