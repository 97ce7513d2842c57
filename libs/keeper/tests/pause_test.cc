#include "keeper_fixture.h"

// What an operator tells a running keeper (decision 053).
namespace muster::keeper {
namespace {

class OperatorTest : public KeeperTest {
 protected:
  void SetUp() override {
    KeeperTest::SetUp();
    keeper->on_answer([this](const Answered& a) { answers.push_back({a.outcome, a.another}); });
  }
  const Fingerprint id = leaf.certificate.fingerprint();
  std::vector<std::pair<OutcomeKind, bool>> answers;
};

TEST_F(OperatorTest, APausedCertificateIsNotAskedAboutAndKeepsItsStapleToItsEnd) {
  start_with_leaf();
  const UnixSeconds begin = clock.now();
  fetcher.answer(fresh());
  keeper->set_pause({false, {id}});
  EXPECT_TRUE(status().paused);
  for (int i = 0; i < 143; ++i) {
    go(600);
    ASSERT_NE(staple(), nullptr);
    ASSERT_TRUE(fetcher.pending.empty());
    ASSERT_FALSE(is_neglected(status(), begin, clock.now())) << "it was told so";
  }
  go(700);
  EXPECT_EQ(staple(), nullptr) << "what expires is withdrawn all the same";
  EXPECT_TRUE(fetcher.pending.empty());
  keeper->set_pause({});
  EXPECT_FALSE(is_neglected(status(), begin, clock.now())) << "it has just begun again";
  go_to_next_request(60);
}

TEST_F(OperatorTest, AQuestionUnderWayIsFinishedAndNoOtherFollows) {
  keeper->set_inventory({watch(leaf, "leaf", {"http://a.example/", "http://b.example/"})});
  keeper->start();
  ASSERT_EQ(fetcher.pending.size(), 1U);
  keeper->set_pause({true, {}});
  fetcher.fail(net::FetchErrc::kConnect);
  EXPECT_TRUE(fetcher.pending.empty()) << "not the other URL either";
  go(3600);
  keeper->refresh(id);
  keeper->refresh_all();
  EXPECT_TRUE(fetcher.pending.empty());
}

TEST_F(OperatorTest, PauseAllHoldsForWhatComesLaterAndForTheFirstRound) {
  keeper->set_pause({true, {}});
  start_with_leaf();
  EXPECT_EQ(first_rounds, 1) << "nobody waits for what is not asked";
  keeper->set_inventory({watch(leaf, "leaf"), watch(other, "other")});
  go(3600);
  EXPECT_EQ(fetcher.started, 0U);
  keeper->set_pause({false, {id}});
  go_to_next_request(60);
  EXPECT_EQ(fetcher.started, 1U);
}

TEST_F(OperatorTest, AClockThatJumpsDoesNotEndAPause) {
  start_with_leaf();
  fetcher.answer(fresh());
  keeper->set_pause({false, {id}});
  clock.jump_to(clock.now() + Seconds(80'000));
  go(1);
  go(600);
  EXPECT_TRUE(fetcher.pending.empty());
}

TEST_F(OperatorTest, RefreshAsksAtOnceAndOnlyOnce) {
  keeper->set_inventory({watch(leaf, "leaf"), watch(other, "other")});
  keeper->start();
  while (!fetcher.pending.empty()) {
    const std::int64_t t = (clock.now() - kTestNow).count();
    const bool is_leaf = keeper->status().at(0).state == CertificateState::kMissing;
    fetcher.answer(make_response(is_leaf ? leaf : other, {t, t + 86400}));
  }
  ASSERT_EQ(fetcher.started, 2U);
  keeper->refresh(id);
  keeper->refresh(id);
  EXPECT_EQ(fetcher.started, 3U);
  fetcher.answer(fresh());
  EXPECT_EQ(answers.back(), std::pair(OutcomeKind::kNothingNewer, false));
}

TEST_F(OperatorTest, EveryAnswerIsTold) {
  keeper->set_inventory({watch(leaf, "leaf", {"http://a.example/", "http://b.example/"})});
  keeper->start();
  fetcher.fail(net::FetchErrc::kConnect);
  fetcher.answer(fresh());
  const std::vector<std::pair<OutcomeKind, bool>> expected = {{OutcomeKind::kUnreachable, true},
                                                              {OutcomeKind::kTaken, false}};
  EXPECT_EQ(answers, expected);
}

TEST_F(OperatorTest, AnAnswerThatIsNeverGivenIsToldToo) {
  start_with_leaf();
  go(21);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].first, OutcomeKind::kUnreachable);
}

TEST_F(OperatorTest, WhatComesFromElsewhereIsPlannedLikeAnAnswer) {
  start_with_leaf();
  fetcher.fail(net::FetchErrc::kConnect);
  ASSERT_LT(*status().next_due, clock.now() + Seconds(300));
  EXPECT_EQ(keeper->offer(verified(fresh(), leaf), "file:x"), Choice::kTake);
  EXPECT_EQ(status().source, "file:x");
  EXPECT_GT(*status().next_due, clock.now() + Seconds(86400 / 5));
}

TEST_F(OperatorTest, ARevocationFromTheOperatorNeedsNoSecondAnswer) {
  start_with_leaf();
  fetcher.answer(fresh());
  EXPECT_EQ(keeper->offer(verified(fresh(revoked()), leaf), "file:x"), Choice::kTakeRevocation);
  EXPECT_EQ(status().state, CertificateState::kRevoked);
}

TEST_F(OperatorTest, APinIsShownAndThePlanGoesOnBeneathIt) {
  start_with_leaf();
  fetcher.answer(fresh());
  const Buffer brief = make_response(leaf, {-10, 600});
  ASSERT_TRUE(shelf->pin(verified(brief, leaf), "file:x", clock.now() + Seconds(500), clock.now()));
  EXPECT_TRUE(equal(staple()->der(), brief));
  ASSERT_TRUE(status().pin);
  EXPECT_EQ(status().shown()->expires, status().pin->facts.expires);
  go(480);
  EXPECT_EQ(status().state, CertificateState::kLate) << "it is what clients get";
  EXPECT_FALSE(is_neglected(status(), clock.now() - Seconds(480), clock.now()));
  go(30);
  EXPECT_EQ(status().state, CertificateState::kFresh);
  go_to_next_request();
}

}  // namespace
}  // namespace muster::keeper
