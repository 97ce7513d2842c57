#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "muster/base/turns.h"
#include "muster/check/scan.h"
#include "muster/testing/few_descriptors.h"

// Who is begun when, and who computes: the order of events, never the time between them.
namespace muster::check {
namespace {

using muster::testing::FewDescriptors;
using Reports = std::vector<client::TargetReport>;
constexpr auto kNever = std::chrono::hours(1);

void drop(std::size_t, const Reports&) {}

/// Where targets wait for each other.
class Meeting {
 public:
  explicit Meeting(std::size_t expected) : expected_(expected) {}
  void come() {
    const std::lock_guard lock(mutex_);
    ++come_;
    changed_.notify_all();
  }
  /// Whether all that are expected came before patience ended. As checks wait: without a turn.
  [[nodiscard]] bool wait() {
    const WhileWaiting others(AfterWait::kMuch);
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, Seconds(60), [this] { return come_ >= expected_; });
  }

 private:
  const std::size_t expected_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t come_ = 0;
};

/// How many there are at once, and were at most.
class Count {
 public:
  void enter() {
    const int now = ++now_;
    for (int seen = most_; now > seen && !most_.compare_exchange_weak(seen, now);) {
    }
  }
  void leave() { --now_; }
  [[nodiscard]] int most() const { return most_; }

 private:
  std::atomic<int> now_{0}, most_{0};
};

constexpr std::size_t kAll = 400;

/// Targets hang until each of all was begun. One computes at a time and nobody is slow by the
/// clock, so that this ends well only when all are begun while those hang.
void expect_all_begun_while_hanging(const std::function<bool(std::size_t)>& hangs) {
  Meeting all(kAll);
  std::atomic<bool> alone{false};
  scan(
      kAll,
      [&](std::size_t index) {
        all.come();
        if (hangs(index) && !alone && !all.wait()) {
          alone = true;
        }
        return Reports();
      },
      {.slow_after = kNever, .patience = kNever, .turns = 1}, drop);
  EXPECT_FALSE(alone) << "some were begun only when others had given up";
}

TEST(ScanInTurns, BeginsAllWhileTheFirstHang) {
  expect_all_begun_while_hanging([](std::size_t index) { return index < 20; });
}

TEST(ScanInTurns, BeginsAllWhileTheLastHang) {
  expect_all_begun_while_hanging([](std::size_t index) { return index >= kAll - 200; });
}

TEST(ScanInTurns, BeginsAllWhileSomeInBetweenHang) {
  expect_all_begun_while_hanging([](std::size_t index) { return index % 8 == 0; });
}

TEST(ScanInTurns, ComputesForNoMoreThanToldAtATime) {
  Count computing;
  scan(
      kAll,
      [&](std::size_t) {
        computing.enter();
        std::this_thread::yield();
        computing.leave();
        return Reports();
      },
      {.slow_after = kNever, .patience = kNever, .turns = 2}, drop);
  EXPECT_LE(computing.most(), 2);
}

// With no patience left for waits of our own nobody is begun who would have to wait for a turn.
TEST(ScanInTurns, BeginsNoMoreThanCanBeWorkedOffInTime) {
  constexpr std::size_t kUnmeasured = kFirstJobs + 8;  // begun before costs are known
  Count under_way;
  scan(
      kAll,
      [&](std::size_t index) {
        if (index >= kUnmeasured) {
          under_way.enter();
          {
            const WhileWaiting others(AfterWait::kMuch);
            std::this_thread::yield();
          }
          under_way.leave();
        }
        return Reports();
      },
      {.slow_after = kNever, .patience = Milliseconds(0), .turns = 2}, drop);
  EXPECT_LE(under_way.most(), 2);
}

TEST(ScanInTurns, BeginsNoMoreThanThereAreDescriptorsFor) {
  constexpr int kFit = 24;  // (64 - 16) / 2
  const FewDescriptors few(64);
  Meeting meeting(kFit);
  Count under_way;
  std::atomic<bool> alone{false};
  scan(
      kAll,
      [&](std::size_t index) {
        under_way.enter();
        if (index < kFirstJobs) {
          meeting.come();
          if (!alone && !meeting.wait()) {
            alone = true;
          }
        }
        under_way.leave();
        return Reports();
      },
      {.slow_after = kNever, .patience = kNever, .turns = 1}, drop);
  EXPECT_FALSE(alone);
  EXPECT_EQ(under_way.most(), kFit);
}

TEST(ScanInTurns, DescriptorsForAllAreAskedFor) {
  const FewDescriptors few(64);
  allow_descriptors();
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_GE(limit.rlim_cur, std::min<rlim_t>(limit.rlim_max, 2 * kMaxUnderWay));
  const rlim_t raised = limit.rlim_cur;
  allow_descriptors();
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, raised);
}

}  // namespace
}  // namespace muster::check
