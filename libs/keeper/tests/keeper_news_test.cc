#include "keeper_fixture.h"

// Revocations: news that needs a second word (decision 052).
namespace muster::keeper {
namespace {

/// Nothing is offered for what is revoked.
class WithholdingKeeperTest : public KeeperTest {
 protected:
  void SetUp() override {
    ShelfPolicy policy;
    policy.revoked = RevokedPolicy::kWithhold;
    auto opened = Shelf::open(dir.file("shelf"), ShelfMode::kOwner, policy, logger);
    ASSERT_TRUE(opened);
    shelf = *std::move(opened);
    make();
  }
};

// req: OCSP-STAP-002
TEST_F(KeeperTest, ARevocationIsTakenAndAnAlarmRaised) {
  start_with_leaf();
  fetcher.answer(fresh());
  go_to_next_request();
  fetcher.answer(fresh(revoked()));
  EXPECT_EQ(staple()->facts.status, StapleStatus::kGood) << "one answer is not enough";
  EXPECT_EQ(logger.count("revocation.reported"), 1U);
  ASSERT_EQ(fetcher.pending.size(), 1U) << "asked again at once, past caches";
  EXPECT_TRUE(fetcher.pending.begin()->second.request.post_body);
  fetcher.answer(fresh(revoked()));
  EXPECT_EQ(staple()->facts.status, StapleStatus::kRevoked);
  EXPECT_EQ(status().state, CertificateState::kRevoked);
  EXPECT_EQ(logger.count("certificate.revoked ALARM"), 1U);
  go_to_next_request();
  fetcher.answer(fresh());
  EXPECT_EQ(staple()->facts.status, StapleStatus::kRevoked);
  EXPECT_EQ(logger.count("staple.revocation_stands"), 1U);
}

// req: OCSP-STAP-002
TEST_F(KeeperTest, ARevocationNobodyContradictsIsBelievedInTime) {
  start_with_leaf();
  fetcher.answer(fresh());
  go_to_next_request();
  fetcher.answer(fresh(revoked()));
  const UnixSeconds reported = clock.now();
  while (staple()->facts.status == StapleStatus::kGood && clock.now() < reported + Seconds(120)) {
    if (!fetcher.pending.empty()) {
      fetcher.fail(net::FetchErrc::kConnect);
    }
    go(1);
  }
  EXPECT_EQ(staple()->facts.status, StapleStatus::kRevoked);
  EXPECT_EQ(clock.now() - reported, Seconds(60));
}

TEST_F(KeeperTest, ASlipOfTheCaIsContradictedByTwoNewerAnswers) {
  start_with_leaf();
  fetcher.answer(fresh());
  go_to_next_request();
  fetcher.answer(fresh(revoked()));
  for (int i = 0; i < 2; ++i) {
    go_to_next_request(20);
    go(1);
    fetcher.answer(fresh());
  }
  EXPECT_EQ(logger.count("revocation.not_confirmed"), 1U);
  go(300);
  EXPECT_EQ(staple()->facts.status, StapleStatus::kGood);
  EXPECT_EQ(status().state, CertificateState::kFresh);
}

TEST_F(KeeperTest, WithoutConfirmationARevocationIsBelievedAtOnce) {
  KeeperOptions options;
  options.confirm_within = Seconds(0);
  make(options);
  start_with_leaf();
  fetcher.answer(fresh());
  go_to_next_request();
  fetcher.answer(fresh(revoked()));
  EXPECT_EQ(staple()->facts.status, StapleStatus::kRevoked);
}

// req: OCSP-STAP-002
TEST_F(KeeperTest, ARevocationThatBeginsALittleLaterNeedsASecondWordToo) {
  start_with_leaf();
  fetcher.answer(fresh());
  go_to_next_request();
  const std::int64_t t = (clock.now() - kTestNow).count();
  const auto ahead = [&](std::int64_t by) {
    return make_response(leaf, {t + by, t + 86400}, revoked());
  };
  fetcher.answer(ahead(300));
  EXPECT_EQ(logger.count("revocation.reported"), 1U);
  const Fingerprint id = leaf.certificate.fingerprint();
  EXPECT_EQ(shelf->held_back(id), nullptr) << "one answer is not enough";
  ASSERT_EQ(fetcher.pending.size(), 1U);
  fetcher.answer(ahead(301));
  ASSERT_NE(shelf->held_back(id), nullptr);
  EXPECT_EQ(staple()->facts.status, StapleStatus::kGood);
  while (clock.now() < kTestNow + Seconds(t + 301)) {
    ASSERT_EQ(staple()->facts.status, StapleStatus::kGood);
    if (!fetcher.pending.empty()) {
      fetcher.answer(ahead(302));  // no news any more
    }
    go(1);
  }
  EXPECT_EQ(staple()->facts.status, StapleStatus::kRevoked);
  EXPECT_EQ(logger.count("revocation.reported"), 1U);
  EXPECT_EQ(logger.count("certificate.revoked ALARM"), 1U);
}

// req: OCSP-STAP-002
TEST_F(KeeperTest, ARevocationConfirmedByOneThatBeginsLaterHoldsAtOnce) {
  start_with_leaf();
  fetcher.answer(fresh());
  go_to_next_request();
  const std::int64_t t = (clock.now() - kTestNow).count();
  fetcher.answer(fresh(revoked()));
  ASSERT_EQ(fetcher.pending.size(), 1U);
  fetcher.answer(make_response(leaf, {t + 300, t + 86400}, revoked()));
  EXPECT_EQ(staple()->facts.status, StapleStatus::kRevoked);
  EXPECT_LE(staple()->facts.this_update, clock.now());
  EXPECT_NE(shelf->held_back(leaf.certificate.fingerprint()), nullptr);
  EXPECT_EQ(logger.count("certificate.revoked ALARM"), 1U);
}

TEST_F(KeeperTest, ARevocationAheadThatNobodyConfirmsIsBelievedInTimeAndHeldBack) {
  start_with_leaf();
  fetcher.answer(fresh());
  go_to_next_request();
  const std::int64_t t = (clock.now() - kTestNow).count();
  fetcher.answer(make_response(leaf, {t + 300, t + 86400}, revoked()));
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(shelf->held_back(leaf.certificate.fingerprint()), nullptr);
    if (!fetcher.pending.empty()) {
      fetcher.fail(net::FetchErrc::kConnect);
    }
    go(1);
  }
  EXPECT_NE(shelf->held_back(leaf.certificate.fingerprint()), nullptr);
}

TEST_F(KeeperTest, NotModifiedIsNoAnswerWhileNewsIsUnconfirmed) {
  const auto is_conditional = [this] {
    for (const std::string& header : fetcher.pending.begin()->second.request.headers) {
      if (header.starts_with("If-None-Match")) {
        return true;
      }
    }
    return false;
  };
  start_with_leaf();
  fetcher.answer_tagged(fresh(), "\"tag\"");
  go_to_next_request();
  EXPECT_TRUE(is_conditional());
  fetcher.answer(fresh(revoked()));
  ASSERT_EQ(fetcher.pending.size(), 1U);
  fetcher.fail(net::FetchErrc::kConnect);  // by POST
  go_to_next_request(20);
  EXPECT_FALSE(fetcher.pending.begin()->second.request.post_body);
  EXPECT_FALSE(is_conditional());
  fetcher.answer(fresh(revoked()));
  EXPECT_EQ(staple()->facts.status, StapleStatus::kRevoked);
}

TEST_F(WithholdingKeeperTest, AWithheldRevocationIsRefreshedQuietly) {
  start_with_leaf();
  fetcher.answer(fresh(revoked()));
  fetcher.answer(fresh(revoked()));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].change, ShelfChange::kRevoked);
  for (int i = 0; i < 3; ++i) {
    go_to_next_request();
    fetcher.answer(fresh(revoked()));
    EXPECT_EQ(shelf->held(leaf.certificate.fingerprint())->obtained, clock.now());
    EXPECT_EQ(staple(), nullptr);
  }
  EXPECT_EQ(events.size(), 1U) << "nothing on offer changed";
}

TEST_F(WithholdingKeeperTest, WhatWasHeldBackIsPlannedByItsOwnEndOnceItBegins) {
  start_with_leaf();
  const Buffer five_days = make_response(leaf, {0, 5 * 86400}, revoked());
  fetcher.answer(five_days);
  fetcher.answer(five_days);
  go_to_next_request();
  const std::int64_t t = (clock.now() - kTestNow).count();
  fetcher.answer(make_response(leaf, {t + 300, t + 300 + 21600}, revoked()));
  const Fingerprint id = leaf.certificate.fingerprint();
  ASSERT_NE(shelf->held_back(id), nullptr);
  go(301);
  const StaplePointer begun = shelf->held(id);
  ASSERT_EQ(begun->facts.this_update, kTestNow + Seconds(t + 300));
  EXPECT_EQ(events.size(), 1U) << "nothing on offer changed";
  // By the days of the one before, tries would come an hour apart.
  const UnixSeconds since = clock.now();
  while (begun->facts.usable_at(clock.now())) {
    ASSERT_FALSE(is_neglected(status(), since, clock.now()))
        << (clock.now() - since).count() << " s after it began";
    if (!fetcher.pending.empty()) {
      fetcher.fail(net::FetchErrc::kConnect);
    }
    go(10);
  }
}

}  // namespace
}  // namespace muster::keeper
