#include "muster/check/scan.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace muster::check {
namespace {

std::vector<client::TargetReport> named(std::size_t index) {
  client::TargetReport report;
  report.target = std::to_string(index);
  return {report};
}

TEST(Scan, HandsOverInTheOrderOfTheTargetsOnTheCallingThread) {
  std::vector<std::size_t> order;
  const auto caller = std::this_thread::get_id();
  scan(100, named, {}, [&](std::size_t index, std::vector<client::TargetReport> reports) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_EQ(reports.at(0).target, std::to_string(index));
    order.push_back(index);
  });
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(Scan, HandsOverWhatIsReadyWithoutWaitingForTheFirst) {
  std::promise<void> others_are_there;
  const auto signal = others_are_there.get_future().share();
  ScanOptions options;
  options.order = ScanOptions::Order::kAsReady;
  std::vector<std::size_t> order;
  scan(
      5,
      [&](std::size_t index) {
        if (index == 0) {
          signal.wait();
        }
        return named(index);
      },
      options,
      [&](std::size_t index, const std::vector<client::TargetReport>&) {
        order.push_back(index);
        if (order.size() == 4) {
          others_are_there.set_value();
        }
      });
  ASSERT_EQ(order.size(), 5U);
  EXPECT_EQ(order.back(), 0U);
}

TEST(Scan, TellsProgressAtTheBeginningAndTheEnd) {
  std::vector<Progress> told;
  ScanOptions options;
  options.progress = [&](const Progress& progress) { told.push_back(progress); };
  scan(3, named, options, [](std::size_t, const std::vector<client::TargetReport>&) {});
  ASSERT_GE(told.size(), 2U);
  EXPECT_EQ(told.front().done, 0U);
  EXPECT_FALSE(told.front().left);
  EXPECT_EQ(told.back().done, 3U);
  EXPECT_EQ(told.back().total, 3U);
  EXPECT_EQ(told.back().left, Milliseconds(0));
}

TEST(Scan, OfNothingEndsAtOnce) {
  int calls = 0;
  scan(0, named, {}, [&](std::size_t, const std::vector<client::TargetReport>&) { ++calls; });
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace muster::check
