#include "keeper_fixture.h"

// A wall clock that is set, or wrong (decision 052).
namespace muster::keeper {
namespace {

TEST_F(KeeperTest, AStapleStaysWhenTheClockIsSetBackAndEndsByThatClock) {
  start_with_leaf();
  fetcher.answer(fresh());
  keeper->turn();
  const UnixSeconds began = clock.now();
  clock.jump_to(began - Seconds(7200));
  keeper->turn();
  ASSERT_NE(staple(), nullptr) << "it began once, so the clock is what is wrong";
  EXPECT_EQ(status().state, CertificateState::kFresh);
  clock.jump_to(began + Seconds(86400));
  keeper->turn();
  EXPECT_EQ(staple(), nullptr);
}

TEST_F(KeeperTest, WhatAWrongClockMadeUselessOnDiskIsFoundAgain) {
  start_with_leaf();
  fetcher.answer(fresh());
  const UnixSeconds right = clock.now();
  keeper.reset();
  fetcher.pending.clear();
  shelf.reset();
  clock.jump_to(right - Seconds(300 * 86400));  // a machine without a clock of its own
  SetUp();
  start_with_leaf();
  EXPECT_EQ(staple(), nullptr);
  clock.jump_to(right + Seconds(10));
  keeper->turn();
  EXPECT_NE(staple(), nullptr) << "with no responder asked";
}

TEST_F(KeeperTest, AWallClockJumpPastExpiryRefetchesAtOnce) {
  start_with_leaf();
  fetcher.answer(fresh());
  keeper->turn();
  clock.jump_to(kTestNow + Seconds(10 * 86400));
  EXPECT_EQ(staple(), nullptr) << "not even before the keeper's next turn";
  keeper->turn();
  EXPECT_EQ(fetcher.pending.size(), 1U);
  EXPECT_EQ(logger.count("clock.jumped"), 1U);
  fetcher.answer(fresh());
  EXPECT_NE(staple(), nullptr);
}

/// Two CAs whose answers begin some three hours ahead of our clock.
class KeeperClockTest : public KeeperTest {
 protected:
  void hear_two_cas_from_the_future() {
    const testing::Identity second = testing::make_self_signed(testing::ca_spec("Second CA"));
    const testing::Identity theirs = testing::issue(second, testing::leaf_spec("second.example"));
    Watched other_ca = watch(theirs, "second", {"http://b.example/"});
    other_ca.subject.issuer = second.certificate;
    keeper->set_inventory({watch(leaf, "leaf"), other_ca});
    keeper->start();
    ASSERT_EQ(fetcher.pending.size(), 2U);
    fetcher.answer(make_response(leaf, {10'000, 90'000}));
    EXPECT_EQ(keeper->clock_suspicion(), std::nullopt) << "one CA alone may be wrong";
    testing::EntrySpec entry = testing::entry_for(theirs.certificate, second.certificate);
    entry.this_update = clock.now() + Seconds(12'000);
    entry.next_update = clock.now() + Seconds(90'000);
    testing::ResponseSpec spec;
    spec.entries.push_back(std::move(entry));
    while (keeper->clock_suspicion() == std::nullopt && !fetcher.pending.empty()) {
      const bool is_ours = fetcher.pending.begin()->second.request.url.starts_with("http://a.");
      fetcher.answer(is_ours ? make_response(leaf, {10'000, 90'000})
                             : testing::build_response(second, spec));
    }
  }
};

TEST_F(KeeperClockTest, ManyCasInTheFutureMeanThatOurClockIsBehind) {
  hear_two_cas_from_the_future();
  EXPECT_EQ(keeper->clock_suspicion(), Seconds(10'000)) << "at least";
  EXPECT_EQ(logger.count("clock.suspect"), 1U);
  EXPECT_EQ(keeper->status().at(0).last_failure, FailureClass::kNotYetValid);
}

TEST_F(KeeperClockTest, ASuspicionIsForgottenWithoutNewReasons) {
  hear_two_cas_from_the_future();
  const UnixSeconds suspected = clock.now();
  while (keeper->clock_suspicion() && clock.now() < suspected + Seconds(86'400)) {
    while (!fetcher.pending.empty()) {
      fetcher.fail(net::FetchErrc::kConnect);
    }
    go(60);
  }
  EXPECT_GE(clock.now(), suspected + Seconds(6 * 3600));
  EXPECT_LE(clock.now(), suspected + Seconds(6 * 3600 + 120));
  EXPECT_EQ(logger.count("clock.plausible"), 1U);
}

TEST_F(KeeperClockTest, SettingTheClockEndsTheSuspicion) {
  hear_two_cas_from_the_future();
  clock.jump_to(clock.now() + Seconds(12'000));
  keeper->turn();
  EXPECT_EQ(keeper->clock_suspicion(), std::nullopt);
  EXPECT_EQ(logger.count("clock.plausible"), 1U);
}

}  // namespace
}  // namespace muster::keeper
