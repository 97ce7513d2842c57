#include "muster/net/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace muster::net {
namespace {

using ::testing::ElementsAre;

struct Handler final : FdHandler {
  explicit Handler(std::function<void()> a) : action(std::move(a)) {}
  void on_ready(std::uint32_t) noexcept override { action(); }
  std::function<void()> action;
};

TEST(Loop, RunsTimersInTheirOrderAndOnce) {
  Loop loop;
  std::vector<int> ran;
  const MonotonicTime start = loop.now();
  loop.at(start + Milliseconds(3), [&] { ran.push_back(3); });
  loop.at(start + Milliseconds(1), [&] { ran.push_back(1); });
  loop.at(start + Milliseconds(1), [&] { ran.push_back(2); });
  loop.at(start + Milliseconds(5), [&] { loop.stop(); });
  loop.run();
  EXPECT_THAT(ran, ElementsAre(1, 2, 3));
  EXPECT_GE(loop.now() - start, Milliseconds(5));
}

TEST(Loop, ForgetsCancelledTimers) {
  Loop loop;
  std::vector<TimerId> ids;
  int ran = 0;
  for (int i = 0; i < 1000; ++i) {
    ids.push_back(loop.after(Milliseconds(0), [&] { ++ran; }));
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i % 100 != 0) {
      loop.cancel(ids[i]);
    }
  }
  loop.cancel(ids[1]);  // twice is once
  loop.after(Milliseconds(1), [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(ran, 10);
}

TEST(Loop, LetsATimerCancelAnother) {
  Loop loop;
  bool ran = false;
  TimerId second = 0;
  loop.after(Milliseconds(0), [&] { loop.cancel(second); });
  second = loop.after(Milliseconds(0), [&] { ran = true; });
  loop.after(Milliseconds(1), [&] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(ran);
}

TEST(Loop, RunsWhatOtherThreadsPostInTheirOrder) {
  Loop loop;
  std::vector<int> ran;
  std::thread poster([&] {
    for (int i = 0; i < 1000; ++i) {
      loop.post([&ran, i] { ran.push_back(i); });
    }
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  poster.join();
  ASSERT_EQ(ran.size(), 1000U);
  EXPECT_TRUE(std::is_sorted(ran.begin(), ran.end()));
}

/// It wakes nobody up for them: they must keep it from waiting.
TEST(Loop, RunsWhatItsOwnActionsPostAtTheNextTurnWithoutWaiting) {
  Loop loop;
  const UniqueFd ready(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));  // at each look, for nobody reads
  int looks = 0;
  Handler handler([&] { ++looks; });
  std::vector<int> looks_before;
  bool has_hung = false;
  std::function<void()> next = [&] {
    looks_before.push_back(looks);
    if (looks_before.size() == 5) {  // from here on nothing but posts keeps it awake
      loop.remove(ready.get());
    }
    if (looks_before.size() == 1000) {
      loop.stop();
    } else {
      loop.post(next);
    }
  };
  ASSERT_EQ(loop.add(ready.get(), EPOLLIN, handler), WatchResult::kWatched);
  const TimerId hung = loop.after(Milliseconds(20000), [&] {
    has_hung = true;
    loop.stop();
  });
  loop.post(next);
  loop.run();
  loop.cancel(hung);
  EXPECT_FALSE(has_hung);
  ASSERT_EQ(looks_before.size(), 1000U);
  looks_before.resize(5);
  EXPECT_THAT(looks_before, ElementsAre(1, 2, 3, 4, 5)) << "sockets are looked at in between";
}

TEST(Loop, KeepsTheOrderOfWhatItsOwnThreadPosts) {
  Loop loop;
  std::vector<int> ran;
  loop.post([&] {
    loop.post([&] {
      ran.push_back(1);
      loop.post([&] {
        ran.push_back(3);
        loop.stop();
      });
    });
    loop.post([&] { ran.push_back(2); });
    EXPECT_THAT(ran, ::testing::IsEmpty()) << "never inside the call";
  });
  loop.run();
  EXPECT_THAT(ran, ElementsAre(1, 2, 3));
}

TEST(Loop, RunsWhatWasPostedBeforeItWasStoppedWhenItRunsAgain) {
  Loop loop;
  std::vector<int> ran;
  loop.post([&] {
    loop.post([&] {
      ran.push_back(1);
      loop.stop();
    });
    loop.stop();
  });
  loop.run();
  EXPECT_THAT(ran, ::testing::IsEmpty());
  loop.run();
  EXPECT_THAT(ran, ElementsAre(1));
}

/// Whoever finds it awake for its own posts need not wake it up, and must be heard all the same.
TEST(Loop, HearsOtherThreadsAmongItsOwnPosts) {
  constexpr int kOfEach = 20000;
  Loop loop;
  int own = 0;
  int of_another = 0;
  bool has_hung = false;
  const auto stop_when_done = [&] {
    if (own == kOfEach && of_another == kOfEach) {
      loop.stop();
    }
  };
  std::function<void()> next = [&] {
    if (++own < kOfEach) {
      loop.post(next);
    }
    stop_when_done();
  };
  const TimerId hung = loop.after(Milliseconds(60000), [&] {
    has_hung = true;
    loop.stop();
  });
  std::thread poster([&] {
    for (int i = 0; i < kOfEach; ++i) {
      loop.post([&] {
        ++of_another;
        stop_when_done();
      });
    }
  });
  loop.post(next);
  loop.run();
  poster.join();
  loop.cancel(hung);
  EXPECT_FALSE(has_hung);
  EXPECT_EQ(own, kOfEach);
  EXPECT_EQ(of_another, kOfEach);
}

TEST(Loop, StopsThoughStopCameFirst) {
  Loop loop;
  loop.stop();
  loop.run();
  loop.post([&] { loop.stop(); });
  loop.run();
}

TEST(Loop, IsBehindWhileMoreIsReadyThanOneTurnTakes) {
  Loop loop;
  std::vector<UniqueFd> ready;
  std::vector<bool> seen;
  Handler handler([&] { seen.push_back(loop.is_behind()); });
  const auto turn_with = [&](std::size_t count) {
    while (ready.size() < count) {
      ready.emplace_back(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
      ASSERT_EQ(loop.add(ready.back().get(), EPOLLIN, handler), WatchResult::kWatched);
    }
    seen.clear();
    loop.after(Milliseconds(0), [&] { loop.stop(); });
    loop.run();
  };
  turn_with(3);
  EXPECT_THAT(seen, ::testing::Each(false));
  turn_with(600);
  EXPECT_THAT(seen, ::testing::AllOf(::testing::Not(::testing::IsEmpty()), ::testing::Each(true)));
}

TEST(Loop, KnowsSinceWhenWhatItHandlesMayHaveBeenReady) {
  Loop loop;
  std::vector<UniqueFd> ready;
  for (int i = 0; i < 600; ++i) {  // more than two looks take
    ready.emplace_back(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  }
  std::vector<MonotonicTime> seen;
  std::set<MonotonicTime> turns;
  Handler handler([&] {
    seen.push_back(loop.ready_since());
    turns.insert(loop.now());
    if (seen.size() == ready.size()) {
      loop.stop();
    }
  });
  for (const UniqueFd& fd : ready) {
    ASSERT_EQ(loop.add(fd.get(), EPOLLIN, handler), WatchResult::kWatched);
  }
  MonotonicTime written;
  loop.after(Milliseconds(20), [&] {
    EXPECT_EQ(loop.ready_since(), loop.now()) << "it slept: what woke it up is fresh";
    written = loop.now();
    for (const UniqueFd& fd : ready) {
      EXPECT_EQ(::eventfd_write(fd.get(), 1), 0);
    }
  });
  loop.run();
  EXPECT_THAT(seen, testing::Each(written)) << "the last look that left nothing over";
  EXPECT_GE(turns.size(), 3U);
}

TEST(Loop, WhatItHandlesIsNotOlderThanTheLooksThatSeeAllOfIt) {
  Loop loop;
  std::vector<UniqueFd> ready;
  for (int i = 0; i < 600; ++i) {  // at each look, for nobody reads them
    ready.emplace_back(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  }
  std::vector<MonotonicTime> turns;
  Handler handler([&] {
    if (turns.empty() || turns.back() != loop.now()) {
      turns.push_back(loop.now());
      if (turns.size() > 6) {
        EXPECT_GE(loop.ready_since(), turns[turns.size() - 6]);
      }
      if (turns.size() == 50) {
        loop.stop();
      }
    }
  });
  for (const UniqueFd& fd : ready) {
    ASSERT_EQ(loop.add(fd.get(), EPOLLIN, handler), WatchResult::kWatched);
  }
  loop.run();
  EXPECT_EQ(turns.size(), 50U);
}

TEST(Loop, WhatItHandlesAfterASleepIsNotOlderThanTheSleep) {
  Loop loop;
  const UniqueFd event(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  std::vector<UniqueFd> ready;  // as many as one look takes, ready all at once
  std::thread writer;
  MonotonicTime turn;
  std::optional<MonotonicTime> woke;
  int looks = 0;
  bool is_drained = false;
  Handler handler([&] {
    if (turn == loop.now()) {
      return;
    }
    turn = loop.now();
    if (std::exchange(is_drained, false)) {
      looks = 0;
      woke = loop.ready_since() == turn ? std::optional(turn) : std::nullopt;
    }
    if (woke) {
      EXPECT_GE(loop.ready_since(), *woke);
    }
    if (++looks < 5) {
      return;  // nobody reads: the next look is as full
    }
    if (woke) {
      loop.stop();
      return;
    }
    eventfd_t count = 0;
    EXPECT_EQ(::eventfd_read(event.get(), &count), 0);
    is_drained = true;
    if (writer.joinable()) {  // it wrote before the loop slept: once more
      writer.join();
    }
    writer = std::thread([&event] {
      std::this_thread::sleep_for(Milliseconds(20));
      EXPECT_EQ(::eventfd_write(event.get(), 1), 0);
    });
  });
  for (int i = 0; i < 256; ++i) {
    ready.emplace_back(::dup(event.get()));
    ASSERT_EQ(loop.add(ready.back().get(), EPOLLIN, handler), WatchResult::kWatched);
  }
  loop.run();
  writer.join();
  EXPECT_TRUE(woke);
}

TEST(Loop, KeepsEventsFromRemovedDescriptors) {
  Loop loop;
  const UniqueFd first(::eventfd(1, EFD_CLOEXEC));
  const UniqueFd second(::eventfd(1, EFD_CLOEXEC));
  int ran = 0;
  // Both are ready in the same turn; whoever is first removes both.
  Handler handler([&] {
    ++ran;
    loop.remove(first.get());
    loop.remove(second.get());
    loop.stop();
  });
  ASSERT_EQ(loop.add(first.get(), EPOLLIN, handler), WatchResult::kWatched);
  ASSERT_EQ(loop.add(second.get(), EPOLLIN, handler), WatchResult::kWatched);
  loop.run();
  EXPECT_EQ(ran, 1);
}

TEST(Loop, KeepsOldEventsFromADescriptorNumberUsedAnew) {
  Loop loop;
  const UniqueFd ready(::eventfd(1, EFD_CLOEXEC));
  UniqueFd reused(::eventfd(1, EFD_CLOEXEC));
  const int number = reused.get();
  bool is_replaced = false;
  int wrong = 0;
  Handler other([&] { ++wrong; });
  Handler replace([&] {
    if (!is_replaced) {
      is_replaced = true;
      loop.remove(ready.get());
      loop.remove(number);
      reused.reset();
      reused.reset(::eventfd(0, EFD_CLOEXEC));  // never ready
      ASSERT_EQ(reused.get(), number);
      ASSERT_EQ(loop.add(number, EPOLLIN, other), WatchResult::kWatched);
      loop.after(Milliseconds(1), [&] { loop.stop(); });
    }
  });
  ASSERT_EQ(loop.add(ready.get(), EPOLLIN, replace), WatchResult::kWatched);
  ASSERT_EQ(loop.add(number, EPOLLIN, replace), WatchResult::kWatched);
  loop.run();
  EXPECT_EQ(wrong, 0);
}

TEST(SignalWatch, BringsSignalsToTheLoop) {
  Loop loop;
  std::vector<int> seen;
  {
    const SignalWatch watch(loop, {SIGUSR1, SIGUSR2}, [&](int signal) {
      seen.push_back(signal);
      if (seen.size() == 2) {
        loop.stop();
      }
    });
    ::kill(::getpid(), SIGUSR1);
    ::kill(::getpid(), SIGUSR2);
    loop.run();
  }
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre(SIGUSR1, SIGUSR2));
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  EXPECT_EQ(::sigismember(&mask, SIGUSR1), 0);
}

}  // namespace
}  // namespace muster::net
