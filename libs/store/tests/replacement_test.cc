#include <atomic>
#include <thread>

#include "environment.h"
#include "store_fixture.h"

namespace muster::store {
namespace {

using muster::testing::kTestNow;
using testing::contents;
using testing::good;
using testing::key_of;
using testing::Model;
using testing::must;
using testing::must_open;
using testing::revoked;
using testing::serial_of;
using testing::StoreTest;

class ReplacementTest : public StoreTest {
 protected:
  void SetUp() override {
    store_ = must_open(path());
    issuer_ = must(store_->ensure_issuer(key_of(1), "CA"));
  }
  /// Replaces everything by serials [from, to) of this status.
  std::uint64_t replace(std::uint64_t from, std::uint64_t to, const Status& status,
                        ReplacementOptions options = {}) {
    auto replacement = must(store_->begin_replacement(issuer_, std::move(options)));
    for (std::uint64_t n = from; n < to; ++n) {
      must(replacement->put(serial_of(n), status));
    }
    const std::uint64_t sequence = must(replacement->commit({}));
    report_ = replacement->report();
    return sequence;
  }
  std::unique_ptr<Store> store_;
  IssuerId issuer_{};
  ReplacementReport report_;
};

TEST_F(ReplacementTest, ReplacesEverythingAndCounts) {
  replace(0, 5000, good());
  EXPECT_EQ(report_.added, 5000u);
  replace(2500, 7500, revoked(kTestNow));
  EXPECT_EQ(report_.added, 2500u);
  EXPECT_EQ(report_.changed, 2500u);
  EXPECT_EQ(report_.removed, 2500u);
  EXPECT_EQ(contents(*store_, issuer_).size(), 5000u);
  EXPECT_EQ(store_->issuers()[0].second.revoked, 5000u);
  EXPECT_TRUE(store_->verify(issuer_));
  replace(0, 0, good());
  EXPECT_EQ(report_.removed, 5000u);
  EXPECT_TRUE(contents(*store_, issuer_).empty());
  EXPECT_TRUE(store_->verify(issuer_));
}

TEST_F(ReplacementTest, ManyOldRecordsBehindTheNewOnesAreWalkedInPieces) {
  replace(0, 130'000, revoked(kTestNow));
  ReplacementOptions keep_odd;
  keep_odd.take = [](const Serial& serial, const Status&, const std::optional<Status>& now) {
    return !now && serial.octets().back() % 2 != 0 ? Take::kOld : Take::kNew;
  };
  replace(0, 1, revoked(kTestNow), keep_odd);
  EXPECT_EQ(report_.kept, 65'000u);
  EXPECT_EQ(report_.removed, 64'999u);
  EXPECT_EQ(report_.kept_examples.size(), 16u);
  EXPECT_EQ(contents(*store_, issuer_).size(), 65'001u);
  EXPECT_TRUE(store_->verify(issuer_));
}

TEST_F(ReplacementTest, FewDifferencesAreWrittenInPlace) {
  replace(0, 100'000, good(kTestNow));
  const std::uint64_t before = must(store_->figures()).file_bytes;
  auto replacement = must(store_->begin_replacement(issuer_));
  for (std::uint64_t n = 1; n < 100'001; ++n) {
    must(replacement->put(serial_of(n), n == 5 ? revoked(kTestNow) : good(kTestNow)));
  }
  must(replacement->commit({}));
  EXPECT_EQ(replacement->report().added, 1u);
  EXPECT_EQ(replacement->report().changed, 1u);
  EXPECT_EQ(replacement->report().removed, 1u);
  EXPECT_LT(must(store_->figures()).file_bytes, before + 200'000)
      << "100,000 records were written again";
  EXPECT_TRUE(store_->verify(issuer_));
}

TEST_F(ReplacementTest, DroppedWithoutCommitItNeverWas) {
  replace(0, 3000, good());
  const Model before = contents(*store_, issuer_);
  const std::uint64_t sequence = store_->issuers()[0].second.sequence;
  {
    auto replacement = must(store_->begin_replacement(issuer_));
    must(replacement->put(serial_of(9), good()));
  }
  EXPECT_EQ(contents(*store_, issuer_), before);
  EXPECT_EQ(store_->issuers()[0].second.sequence, sequence);
}

TEST_F(ReplacementTest, ConflictingDuplicatesAreRefusedWhenAsked) {
  for (const std::size_t memory : {std::size_t{1} << 20, std::size_t{100}}) {
    ReplacementOptions options;
    options.duplicates = Duplicates::kRefuseConflict;
    options.sort_memory_bytes = memory;
    auto replacement = must(store_->begin_replacement(issuer_, options));
    for (std::uint64_t n = 0; n < 50; ++n) {
      must(replacement->put(serial_of(n % 40), good()));
    }
    must(replacement->put(serial_of(7), revoked(kTestNow)));
    const auto committed = replacement->commit({});
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code, StoreErrc::kBadChange);
    ASSERT_TRUE(replacement->conflict());
    EXPECT_EQ(*replacement->conflict(), serial_of(7));
    EXPECT_TRUE(contents(*store_, issuer_).empty());
  }
}

TEST_F(ReplacementTest, TheLastOfEqualSerialsWinsAcrossRuns) {
  ReplacementOptions options;
  options.sort_memory_bytes = 100;
  auto replacement = must(store_->begin_replacement(issuer_, options));
  for (std::uint64_t n = 0; n < 100; ++n) {
    must(replacement->put(serial_of(n % 10), revoked(kTestNow + Seconds(static_cast<int>(n)))));
  }
  must(replacement->commit({}));
  const Model all = contents(*store_, issuer_);
  ASSERT_EQ(all.size(), 10u);
  EXPECT_EQ(all.at(serial_of(3)).revoked_at, kTestNow + Seconds(93));
}

TEST_F(ReplacementTest, AChangeMeanwhileIsNotLost) {
  for (const std::uint64_t size : {10u, 5000u}) {  // in place, and aside
    replace(0, 100, good());
    auto replacement = must(store_->begin_replacement(issuer_));
    for (std::uint64_t n = 0; n < size; ++n) {
      must(replacement->put(serial_of(n), good()));
    }
    must(store_->apply(issuer_, std::vector{Change{serial_of(5), revoked(kTestNow)}}));
    const auto committed = replacement->commit({});
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code, StoreErrc::kBusy);
    EXPECT_EQ(look_up(*store_, issuer_, serial_of(5)), revoked(kTestNow));
  }
}

TEST_F(ReplacementTest, PartitionsAreUsedAgain) {
  for (int round = 0; round < 10; ++round) {
    replace(0, 3000, good(kTestNow + Seconds(round)));
  }
  const auto env = Environment::open(path(), {});
  ASSERT_TRUE(env);
  EXPECT_EQ((*env)->partitions_open(), 2u);
}

// req: OCSP-RESP-082
TEST_F(ReplacementTest, AReaderSeesOneStateWhileSourcesAreSwapped) {
  constexpr std::uint64_t kCount = 3000;
  replace(0, kCount, good(kTestNow));
  std::atomic<bool> stop{false};
  std::atomic<unsigned> mixtures{0};
  std::jthread looker([&] {
    const auto reader = store_->reader();
    while (!stop) {
      reader->renew();
      std::optional<UnixSeconds> first;
      for (std::uint64_t n = 0; n < 20; ++n) {
        const auto found = reader->find(issuer_, serial_of(n * 149).octets());
        if (!found || !*found || (first && first != (*found)->expires)) {
          ++mixtures;
          break;
        }
        first = (*found)->expires;
      }
    }
  });
  for (int round = 1; round <= 40; ++round) {
    replace(0, kCount, good(kTestNow + Seconds(round)));
  }
  stop = true;
  looker.join();
  EXPECT_EQ(mixtures, 0u);
}

TEST_F(ReplacementTest, ChangesGoBeforeABulkLoadAndBothArrive) {
  const IssuerId other = must(store_->ensure_issuer(key_of(2), "Other"));
  std::atomic<bool> loaded{false};
  std::jthread loader([&] {
    replace(0, 200'000, good(kTestNow));
    loaded = true;
  });
  std::uint64_t changes = 0;
  while (!loaded) {
    must(store_->apply(other, std::vector{Change{serial_of(changes++), good()}}));
  }
  loader.join();
  EXPECT_EQ(contents(*store_, issuer_).size(), 200'000u);
  EXPECT_EQ(contents(*store_, other).size(), changes);
  EXPECT_TRUE(store_->verify(issuer_));
  EXPECT_TRUE(store_->verify(other));
}

}  // namespace
}  // namespace muster::store
