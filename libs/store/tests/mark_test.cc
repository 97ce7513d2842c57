#include "muster/store/mark.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "store_fixture.h"

namespace muster::store {
namespace {

using Standing = Mark::Standing;
using testing::good;
using ::testing::HasSubstr;
using testing::key_of;
using testing::must;
using testing::must_open;
using testing::serial_of;

class MarkTest : public testing::StoreTest {
 protected:
  [[nodiscard]] std::string directory() const { return path() + "/store"; }
  [[nodiscard]] std::string mark_path() const { return path() + "/store.mark"; }
  [[nodiscard]] std::string backup() const { return path() + "/backup"; }
  [[nodiscard]] std::unique_ptr<Mark> mark() const { return must(Mark::open(mark_path())); }
  /// What the push API does: commit, then mark, then acknowledge.
  static void push(Store& store, Mark& mark, std::uint64_t serial) {
    const std::vector<Change> change{{serial_of(serial), good()}};
    ASSERT_TRUE(mark.note(store, must(store.apply(issuer(store), change))));
  }
  static IssuerId issuer(Store& store) { return must(store.ensure_issuer(key_of(1), "CA")); }
  [[nodiscard]] std::string text() const {
    std::ifstream in(mark_path());
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& content) const {
    std::ofstream(mark_path(), std::ios::trunc) << content;
  }
};

TEST_F(MarkTest, AStoreRestoredFromABackupOfBeforeTheLastPushIsBehind) {
  {
    const auto store = must_open(directory());
    const auto first = mark();
    EXPECT_EQ(first->compare(*store), Standing::kNew);
    ASSERT_TRUE(first->note(*store, 0));
    push(*store, *first, 1);
    EXPECT_EQ(mark()->compare(*store), Standing::kHolds);
  }
  std::filesystem::copy(directory(), backup());
  EXPECT_EQ(mark()->compare(*must_open(backup())), Standing::kHolds) << "it has all there is";
  {
    const auto store = must_open(directory());
    push(*store, *mark(), 2);
    EXPECT_EQ(mark()->compare(*store), Standing::kHolds);
  }
  EXPECT_EQ(mark()->compare(*must_open(backup())), Standing::kBehind);
  EXPECT_EQ(mark()->compare(*must_open(path() + "/new")), Standing::kAnother);
}

/// Killed between the commit and the mark, or between the mark and the acknowledgement.
TEST_F(MarkTest, WhateverIsKilledInBetweenIsNoFalseAlarm) {
  const auto store = must_open(directory());
  push(*store, *mark(), 1);
  static_cast<void>(
      must(store->apply(issuer(*store), std::vector<Change>{{serial_of(2), good()}})));
  EXPECT_EQ(mark()->compare(*store), Standing::kHolds) << "committed, not marked";
  push(*store, *mark(), 3);
  EXPECT_EQ(mark()->compare(*store), Standing::kHolds) << "marked, not acknowledged";
  ASSERT_TRUE(mark()->note(*store, 1));
  EXPECT_EQ(mark()->compare(*store), Standing::kHolds);
  const std::string before = text();
  ASSERT_TRUE(mark()->note(*store, 1));
  EXPECT_EQ(text(), before) << "an earlier number takes nothing back";
}

TEST_F(MarkTest, WhatIsNoMarkIsRefusedWhereverItWasDamaged) {
  const auto store = must_open(directory());
  push(*store, *mark(), 1);
  const std::string good_text = text();
  for (std::size_t n = 1; n < good_text.size(); ++n) {
    write(good_text.substr(0, n));
    const auto cut = Mark::open(mark_path());
    ASSERT_FALSE(cut) << n;
    EXPECT_EQ(cut.error().code, StoreErrc::kNotAStore);
    std::string flipped = good_text;
    flipped[n] = static_cast<char>(flipped[n] ^ 1);
    write(flipped);
    ASSERT_FALSE(Mark::open(mark_path())) << n;
  }
  write(good_text + "x");
  const auto longer = Mark::open(mark_path());
  ASSERT_FALSE(longer);
  EXPECT_THAT(longer.error().detail, HasSubstr("store.mark"));
  EXPECT_THAT(longer.error().detail, HasSubstr("remove it"));
  write("");
  EXPECT_EQ(mark()->compare(*store), Standing::kNew) << "killed when it was just made";
  write(good_text);
  EXPECT_EQ(mark()->compare(*store), Standing::kHolds);
}

TEST_F(MarkTest, APlaceThatCannotBeWrittenIsSaid) {
  const auto made = Mark::open(path() + "/absent/store.mark");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, StoreErrc::kOpen);
  EXPECT_THAT(made.error().detail, HasSubstr("absent/store.mark"));
  EXPECT_EQ(Mark::open(path()).error().code, StoreErrc::kOpen) << "a directory";
}

TEST_F(MarkTest, BehindIsAFactOfTheIssuerUntilItIsComplete) {
  const auto store = must_open(directory());
  IssuerState facts;
  EXPECT_FALSE(is_behind(facts));
  set_behind(facts);
  static_cast<void>(must(store->touch(issuer(*store), facts)));
  IssuerState kept = store->issuers().at(0).second;
  EXPECT_TRUE(is_behind(kept));
  set_complete(kept);
  EXPECT_FALSE(is_behind(kept));
  EXPECT_FALSE(kept.not_revoked_until);
}

}  // namespace
}  // namespace muster::store
