#include "reload_plan.h"

#include <gtest/gtest.h>

namespace muster::source {
namespace {

using Action = ReloadPlan::Action;
using Hint = ReloadPlan::Hint;
using Outcome = ReloadPlan::Outcome;

constexpr MonotonicTime at(int ms) { return MonotonicTime(Milliseconds(1'000'000 + ms)); }
FileStamp stamp(std::uint64_t size) {
  FileStamp s;
  s.size = size;
  return s;
}
WatchOptions options() {
  WatchOptions o;
  o.poll = Milliseconds(2000);
  o.settle = Milliseconds(500);
  o.confirm = Milliseconds(60'000);
  o.retry_first = Milliseconds(1000);
  o.retry_most = Milliseconds(3000);
  return o;
}

TEST(ReloadPlan, LoadsAtOnceAtTheStart) {
  ReloadPlan plan(options());
  EXPECT_EQ(plan.look(stamp(1), Hint::kNone, at(0)), Action::kLoad);
}

TEST(ReloadPlan, AFileThatAppearsLaterRestsFirstUnlessItIsWhole) {
  ReloadPlan plan(options(), ReloadPlan::First::kRested);
  EXPECT_EQ(plan.look(stamp(0), Hint::kNone, at(0)), Action::kNothing);
  EXPECT_EQ(plan.next_look(at(0)), at(500));
  EXPECT_EQ(plan.look(stamp(1), Hint::kNone, at(400)), Action::kNothing);
  EXPECT_EQ(plan.look(stamp(1), Hint::kNone, at(900)), Action::kLoad);
  ReloadPlan renamed(options(), ReloadPlan::First::kRested);
  EXPECT_EQ(renamed.look(stamp(1), Hint::kComplete, at(0)), Action::kLoad);
}

TEST(ReloadPlan, LeavesWhatIsLoadedAloneAndConfirmsItNowAndThen) {
  ReloadPlan plan(options());
  plan.look(stamp(1), Hint::kNone, at(0));
  plan.loaded(stamp(1), Outcome::kLoaded, at(0));
  EXPECT_EQ(plan.look(stamp(1), Hint::kNone, at(59'999)), Action::kNothing);
  EXPECT_EQ(plan.look(stamp(1), Hint::kComplete, at(59'999)), Action::kNothing);
  EXPECT_EQ(plan.look(stamp(1), Hint::kNone, at(60'000)), Action::kConfirm);
  plan.confirmed(at(60'000));
  EXPECT_EQ(plan.look(stamp(1), Hint::kNone, at(60'001)), Action::kNothing);
  EXPECT_EQ(plan.next_look(at(60'001)), at(62'001));
}

TEST(ReloadPlan, WaitsUntilAChangingFileRests) {
  ReloadPlan plan(options());
  plan.look(stamp(1), Hint::kNone, at(0));
  plan.loaded(stamp(1), Outcome::kLoaded, at(0));
  EXPECT_EQ(plan.look(stamp(2), Hint::kNone, at(1000)), Action::kNothing);
  EXPECT_EQ(plan.next_look(at(1000)), at(1500));
  EXPECT_EQ(plan.look(stamp(3), Hint::kNone, at(1400)), Action::kNothing);
  EXPECT_EQ(plan.look(stamp(3), Hint::kNone, at(1899)), Action::kNothing);
  EXPECT_EQ(plan.look(stamp(3), Hint::kNone, at(1900)), Action::kLoad);
}

TEST(ReloadPlan, TakesAClosedOrRenamedFileAtOnce) {
  ReloadPlan plan(options());
  plan.look(stamp(1), Hint::kNone, at(0));
  plan.loaded(stamp(1), Outcome::kLoaded, at(0));
  EXPECT_EQ(plan.look(stamp(2), Hint::kComplete, at(1000)), Action::kLoad);
}

TEST(ReloadPlan, DoesNotReadRefusedContentsAgainNorConfirmThem) {
  ReloadPlan plan(options());
  plan.look(stamp(1), Hint::kNone, at(0));
  plan.loaded(stamp(1), Outcome::kRefused, at(0));
  EXPECT_EQ(plan.look(stamp(1), Hint::kComplete, at(600'000)), Action::kNothing);
  EXPECT_EQ(plan.look(stamp(2), Hint::kComplete, at(600'001)), Action::kLoad);
}

TEST(ReloadPlan, TriesAgainLaterAndLater) {
  ReloadPlan plan(options());
  EXPECT_EQ(plan.look(stamp(1), Hint::kNone, at(0)), Action::kLoad);
  plan.loaded(stamp(1), Outcome::kTryAgain, at(0));
  EXPECT_EQ(plan.look(stamp(1), Hint::kNone, at(999)), Action::kNothing);
  EXPECT_EQ(plan.next_look(at(999)), at(1000));
  EXPECT_EQ(plan.look(stamp(1), Hint::kNone, at(1000)), Action::kLoad);
  plan.loaded(stamp(1), Outcome::kTryAgain, at(1000));
  EXPECT_EQ(plan.look(stamp(1), Hint::kNone, at(2999)), Action::kNothing);
  EXPECT_EQ(plan.look(stamp(1), Hint::kNone, at(3000)), Action::kLoad);
  plan.loaded(stamp(1), Outcome::kTryAgain, at(3000));
  EXPECT_EQ(plan.look(stamp(1), Hint::kNone, at(6000)), Action::kLoad) << "at most retry_most";
  plan.loaded(stamp(1), Outcome::kTryAgain, at(6000));
  EXPECT_EQ(plan.look(stamp(2), Hint::kComplete, at(6001)), Action::kLoad)
      << "other contents need not wait";
}

TEST(ReloadPlan, AMissingFileIsSaidAndItsReturnNoticed) {
  ReloadPlan plan(options());
  plan.look(stamp(1), Hint::kNone, at(0));
  plan.loaded(stamp(1), Outcome::kLoaded, at(0));
  EXPECT_EQ(plan.look(std::nullopt, Hint::kNone, at(100'000)), Action::kNothing);
  EXPECT_EQ(plan.next_look(at(100'000)), at(100'500));
  EXPECT_EQ(plan.look(std::nullopt, Hint::kNone, at(100'500)), Action::kMissing);
  EXPECT_EQ(plan.next_look(at(100'500)), at(102'500)) << "no hurry once it was said";
  EXPECT_EQ(plan.look(stamp(2), Hint::kComplete, at(100'501)), Action::kLoad);
}

TEST(ReloadPlan, AFileThatIsGoneBetweenTwoRenamesIsNoNews) {
  ReloadPlan plan(options());
  plan.look(stamp(1), Hint::kNone, at(0));
  plan.loaded(stamp(1), Outcome::kLoaded, at(0));
  for (int n = 1; n < 10; ++n) {
    EXPECT_EQ(plan.look(std::nullopt, Hint::kNone, at(1000 * n)), Action::kNothing);
    EXPECT_EQ(plan.look(stamp(1), Hint::kNone, at(1000 * n + 499)), Action::kNothing);
  }
}

TEST(ReloadPlan, AFileThatWasNeverThereIsMissingAtOnce) {
  ReloadPlan plan(options());
  EXPECT_EQ(plan.look(std::nullopt, Hint::kNone, at(0)), Action::kMissing);
}

}  // namespace
}  // namespace muster::source
