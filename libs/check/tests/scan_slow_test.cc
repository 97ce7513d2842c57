#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <mutex>
#include <thread>

#include "muster/check/scan.h"

namespace muster::check {
namespace {

using ::testing::ElementsAre;
using Reports = std::vector<client::TargetReport>;

Reports one(std::size_t index) {
  client::TargetReport report;
  report.target = std::to_string(index);
  return {report};
}

struct Delivered {
  std::vector<std::size_t> order;
  std::vector<std::string> names;
  Deliver take() {
    return [this](std::size_t index, const Reports& reports) {
      order.push_back(index);
      for (const client::TargetReport& report : reports) {
        names.push_back(report.target);
      }
    };
  }
};

std::vector<std::size_t> up_to(std::size_t count) {
  std::vector<std::size_t> all(count);
  for (std::size_t i = 0; i < count; ++i) {
    all[i] = i;
  }
  return all;
}

TEST(ScanOfMany, HandsOverInOrderWhateverIsReadyFirst) {
  Delivered got;
  std::latch last(1);
  scan(
      40,
      [&](std::size_t index) {
        if (index == 0) {
          last.wait();  // the first is ready last
        } else if (index == 39) {
          last.count_down();
        }
        return one(index);
      },
      {.jobs = 4}, got.take());
  EXPECT_EQ(got.order, up_to(40));
  EXPECT_EQ(got.names.size(), 40u);
}

TEST(ScanOfMany, HandsOverAsReadyWhenToldSo) {
  Delivered got;
  const Deliver deliver = got.take();
  std::latch handed_over(1);
  scan(
      40,
      [&](std::size_t index) {
        if (index == 0) {
          handed_over.wait();  // until another one is with the caller
        }
        return one(index);
      },
      {.jobs = 4, .order = ScanOptions::Order::kAsReady},
      [&](std::size_t index, const Reports& reports) {
        deliver(index, reports);
        if (got.order.size() == 1) {
          handed_over.count_down();
        }
      });
  EXPECT_EQ(got.order.size(), 40u);
  EXPECT_NE(got.order.front(), 0u) << "the one that waits for another";
}

// One thread may work at a time, and ten targets wait until all others are done: this ends only
// when those that wait stand aside.
TEST(ScanOfMany, SlowTargetsHoldUpNobody) {
  constexpr std::size_t kHanging = 10, kAll = 100;
  Delivered got;
  std::latch others(kAll - kHanging);
  scan(
      kAll,
      [&](std::size_t index) {
        if (index < kHanging) {
          others.wait();
        } else {
          others.count_down();
        }
        return one(index);
      },
      {.jobs = 1, .slow_after = Milliseconds(1)}, got.take());
  EXPECT_EQ(got.order, up_to(kAll));
}

TEST(ScanOfMany, NoMoreAreUnderWayThanToldWhileTheyMove) {
  Delivered got;
  std::atomic<int> under_way{0}, most{0};
  scan(
      200,
      [&](std::size_t index) {
        const int now = ++under_way;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::yield();
        --under_way;
        return one(index);
      },
      {.jobs = 3, .slow_after = std::chrono::hours(1)}, got.take());
  EXPECT_LE(most, 3);
  EXPECT_EQ(got.order, up_to(200));
}

TEST(ScanOfMany, TellsHowFarItIs) {
  std::vector<Progress> told;
  ScanOptions options;
  options.progress_interval = Milliseconds(0);
  options.progress = [&](const Progress& progress) { told.push_back(progress); };
  Delivered got;
  const auto caller = std::this_thread::get_id();
  options.jobs = 2;
  scan(50, one, options, [&](std::size_t index, const Reports&) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    got.order.push_back(index);
  });
  ASSERT_GE(told.size(), 2u);
  EXPECT_EQ(told.front().done, 0u);
  EXPECT_FALSE(told.front().left);
  EXPECT_EQ(told.back().done, 50u);
  EXPECT_EQ(told.back().total, 50u);
  EXPECT_EQ(told.back().left, Milliseconds(0));
  for (std::size_t i = 1; i < told.size(); ++i) {
    EXPECT_GE(told[i].done, told[i - 1].done);
  }
}

TEST(ScanOfMany, OfNothingEndsAtOnce) {
  Delivered got;
  scan(0, one, {}, got.take());
  EXPECT_TRUE(got.order.empty());
}

TEST(ScanOfMany, MoreJobsThanAllowedAreNot) {
  Delivered got;
  std::atomic<int> under_way{0}, most{0};
  scan(
      2'000,
      [&](std::size_t index) {
        const int now = ++under_way;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        --under_way;
        return one(index);
      },
      {.jobs = 1'000'000, .slow_after = std::chrono::hours(1)}, got.take());
  EXPECT_LE(most, static_cast<int>(kMaxJobs));
  EXPECT_EQ(got.order.size(), 2'000u);
}

}  // namespace
}  // namespace muster::check
