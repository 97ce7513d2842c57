#include <set>

#include "plan_fixture.h"

// What the plan makes of hosts, caches and ways that fail, and of news.
namespace muster::keeper {
namespace {

TEST_F(PlanTest, AnUnreachableHostIsLeftAloneAndProbedByOne) {
  make();
  for (unsigned n = 0; n < 100; ++n) {
    add(n, {"http://dead/"});
  }
  std::size_t requests = 0;
  while (now.wall < kStart + Seconds(3600)) {
    for (const Order& o : next_orders()) {
      ++requests;
      finish(o, OutcomeKind::kUnreachable);
    }
  }
  EXPECT_LE(requests, 80U) << "a hundred certificates, one dead host: about one question a minute";
  // It comes back: everything is served quickly.
  std::set<Fingerprint> served;
  const UnixSeconds back = now.wall;
  while (served.size() < 100 && now.wall < back + Seconds(600)) {
    for (const Order& o : next_orders()) {
      served.insert(o.subject);
      finish(o, OutcomeKind::kTaken, fresh());
    }
  }
  EXPECT_EQ(served.size(), 100U);
  EXPECT_LE(now.wall - back, Seconds(300));
}

TEST_F(PlanTest, AfterAHostFailedTheOtherUrlIsAskedFirstForAWhile) {
  make();
  add(1, {"http://dead/", "http://alive/"});
  const auto first = plan->start_due(now);
  ASSERT_EQ(first.at(0).url, "http://dead/");
  finish(first[0], OutcomeKind::kUnreachable);
  const auto second = plan->start_due(now);
  ASSERT_EQ(second.at(0).url, "http://alive/");
  finish(second[0], OutcomeKind::kTaken, fresh());
  add(2, {"http://dead/", "http://alive/"});
  const auto other = plan->start_due(now);
  ASSERT_EQ(other.at(0).url, "http://alive/");
  finish(other[0], OutcomeKind::kTaken, fresh());
  pass(Milliseconds(601'000));
  add(3, {"http://dead/", "http://alive/"});
  EXPECT_EQ(plan->start_due(now).at(0).url, "http://dead/");
}

TEST_F(PlanTest, WhoWaitsForAHostThatHangsIsAskedAboutElsewhereOnceThatIsKnown) {
  make();
  for (unsigned n = 0; n < 6; ++n) {
    add(n, {"http://hangs/", "http://alive/"});
  }
  const auto first = plan->start_due(now);
  ASSERT_EQ(first.size(), 4U);
  finish(first[0], OutcomeKind::kUnreachable);  // the other three still hang
  std::set<Fingerprint> asked;
  for (const Order& o : plan->start_due(now)) {
    EXPECT_EQ(o.url, "http://alive/");
    asked.insert(o.subject);
  }
  EXPECT_EQ(asked, (std::set<Fingerprint>{first[0].subject, id_of(4), id_of(5)}));
}

TEST_F(PlanTest, OneCertificateThatAlwaysFailsDoesNotStarveTheOthersOfItsHost) {
  make();
  for (unsigned n = 0; n < 30; ++n) {
    add(n, {"http://a/" + std::to_string(n)});
  }
  std::set<Fingerprint> served;
  while (served.size() < 29 && now.wall < kStart + Seconds(600)) {
    for (const Order& o : next_orders()) {
      if (o.subject == id_of(0)) {
        finish(o, OutcomeKind::kUnreachable);
      } else {
        finish(o, OutcomeKind::kTaken, fresh());
        served.insert(o.subject);
      }
    }
  }
  EXPECT_EQ(served.size(), 29U);
}

TEST_F(PlanTest, ACacheThatGotStuckMakesItAskTheOtherUrl) {
  make();
  const StapleFacts stale{StapleStatus::kGood, kStart - Seconds(kDay / 2),
                          kStart + Seconds(kDay / 2)};
  add(1, {"http://stuck/", "http://alive/"}, stale);
  const auto first = next_orders();
  ASSERT_EQ(first.at(0).url, "http://stuck/");
  EXPECT_TRUE(finish(first[0], OutcomeKind::kNothingNewer, stale).another_url);
  const auto second = plan->start_due(now);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].url, "http://alive/");
}

TEST_F(PlanTest, AStuckCacheIsAskedByPostTheSecondTime) {
  make();
  const StapleFacts stale{StapleStatus::kGood, kStart - Seconds(kDay / 2),
                          kStart + Seconds(kDay / 2)};
  add(1, {"http://stuck/"}, stale);
  const client::HttpMethod expected[] = {
      client::HttpMethod::kByLength, client::HttpMethod::kPostOnly, client::HttpMethod::kByLength};
  for (const client::HttpMethod method : expected) {
    const auto orders = next_orders();
    ASSERT_EQ(orders.size(), 1U);
    EXPECT_EQ(orders[0].method, method);
    finish(orders[0], OutcomeKind::kNothingNewer, stale);
  }
}

TEST_F(PlanTest, EachFailureClassHasItsConsequences) {
  for (std::size_t i = 0; i < kFailureClasses; ++i) {
    const auto failure = static_cast<FailureClass>(i);
    SCOPED_TRACE(to_string(failure));
    const FailurePolicy& follows = policy_of(failure);
    PlanPolicy policy;
    policy.egresses = 2;
    make(policy);
    add(1, {"http://a/"});
    const auto first = plan->start_due(now);
    ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(first[0].egress, 0U);
    const Outcome outcome{OutcomeKind::kUnacceptable, {}, {}, {}, failure};
    EXPECT_EQ(plan->finish(first[0].ticket, outcome, now).another_url, follows.blames_way);
    if (follows.blames_way) {
      const auto other_way = plan->start_due(now);
      ASSERT_EQ(other_way.size(), 1U);
      EXPECT_EQ(other_way[0].egress, 1U);
      EXPECT_FALSE(plan->finish(other_way[0].ticket, outcome, now).another_url);
    }
    const UnixSeconds failed = now.wall;
    const auto again = next_orders();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].method,
              follows.blames_cache ? client::HttpMethod::kPostOnly : client::HttpMethod::kByLength);
    EXPECT_LE(now.wall - failed, Seconds(1 + 5 * follows.first_retry));
    EXPECT_GE(now.wall - failed, Seconds(3 * follows.first_retry));
    make();
    add(1, {"http://a/"});
    plan->finish(plan->start_due(now).at(0).ticket, outcome, now);
    add(2, {"http://a/x"});
    add(3, {"http://a/y"});
    EXPECT_EQ(plan->start_due(now).size(), follows.blames_host ? 1U : 2U)
        << "a host that failed is probed by one question at a time";
  }
}

TEST_F(PlanTest, TheSecondEgressIsTakenAtOnceWhileTheFirstIsKnownToFail) {
  PlanPolicy policy;
  policy.egresses = 2;
  make(policy);
  add(1, {"http://a/"});
  finish(plan->start_due(now).at(0), OutcomeKind::kUnreachable);
  finish(plan->start_due(now).at(0), OutcomeKind::kTaken, fresh());
  add(2, {"http://a/"});
  const auto next = plan->start_due(now);
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].egress, 1U);
}

TEST_F(PlanTest, NewsIsAskedAboutAgainElsewhereThenByPostThenSoon) {
  make();
  add(1, {"http://a/", "http://b/"}, fresh());
  plan->refresh_all(now);
  const auto first = next_orders();
  EXPECT_TRUE(finish(first.at(0), OutcomeKind::kUnconfirmed).another_url);
  const auto second = plan->start_due(now);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_NE(second[0].url, first[0].url);
  finish(second[0], OutcomeKind::kUnconfirmed);
  const UnixSeconds before = now.wall;
  const auto third = next_orders();
  ASSERT_EQ(third.size(), 1U);
  EXPECT_EQ(third[0].method, client::HttpMethod::kPostOnly);
  EXPECT_LE(now.wall - before, Seconds(11));
}

TEST_F(PlanTest, AnOrderWithoutAnswerIsGivenUpAtItsDeadline) {
  make();
  add(1, {"http://a/"});
  const auto first = plan->start_due(now);
  ASSERT_EQ(first.size(), 1U);
  pass(Milliseconds(19'999));
  EXPECT_TRUE(plan->given_up(now).empty());
  pass(Milliseconds(1));
  EXPECT_THAT(plan->given_up(now), testing::ElementsAre(first[0].ticket));
  EXPECT_FALSE(finish(first[0], OutcomeKind::kTaken, fresh()).known_order)
      << "a late answer changes nothing";
  EXPECT_EQ(plan->view(id_of(1), now).failures, 1U);
  EXPECT_EQ(next_orders().size(), 1U);
}

}  // namespace
}  // namespace muster::keeper
