#include "muster/keeper/plan.h"

#include <gmock/gmock.h>

#include <set>

namespace muster::keeper {
namespace {

constexpr std::int64_t kDay = 86400;
constexpr UnixSeconds kStart = unix_seconds(1'800'000'000);

Fingerprint id_of(unsigned n) {
  Fingerprint f{};
  f[0] = static_cast<std::uint8_t>(n);
  f[1] = static_cast<std::uint8_t>(n >> 8);
  return f;
}

class PlanTest : public testing::Test {
 protected:
  void make(const PlanPolicy& policy = {}) { plan = std::make_unique<Plan>(policy, 1); }
  void add(unsigned n, std::vector<std::string> urls, std::optional<StapleFacts> held = {}) {
    plan->add(
        id_of(n),
        PlanSubject{std::move(urls), kStart - Seconds(40 * kDay), kStart + Seconds(400 * kDay)},
        held, now);
  }
  void pass(Milliseconds d) {
    const Milliseconds before =
        std::chrono::duration_cast<Milliseconds>(now.steady.time_since_epoch());
    now.steady += d;
    now.wall += std::chrono::floor<Seconds>(before + d) - std::chrono::floor<Seconds>(before);
    plan->observe_clock(now);
  }
  /// Lets time pass until the plan wants something; the orders it then gives.
  std::vector<Order> next_orders() {
    for (int i = 0; i < 1000; ++i) {
      auto orders = plan->start_due(now);
      if (!orders.empty()) {
        return orders;
      }
      const auto next = plan->next_event();
      if (!next) {
        return {};
      }
      pass(std::max(Milliseconds(1), std::chrono::ceil<Milliseconds>(*next - now.steady)));
      for (const std::uint64_t ticket : plan->given_up(now)) {
        given_up.push_back(ticket);
      }
    }
    ADD_FAILURE() << "the plan spins";
    return {};
  }
  Verdict finish(const Order& o, OutcomeKind kind, std::optional<StapleFacts> staple = {},
                 std::optional<Seconds> retry_after = {}) {
    return plan->finish(o.ticket, Outcome{kind, staple, {}, retry_after}, now);
  }
  [[nodiscard]] StapleFacts fresh(std::int64_t window = kDay) const {
    return {StapleStatus::kGood, now.wall, now.wall + Seconds(window)};
  }

  Instant now{kStart, MonotonicTime(std::chrono::hours(5))};
  std::unique_ptr<Plan> plan;
  std::vector<std::uint64_t> given_up;
};

TEST_F(PlanTest, AsksAtOnceForWhatIsMissingAndNotForWhatIsFresh) {
  make();
  add(1, {"http://a/"});
  add(2, {"http://a/"}, fresh());
  const auto orders = plan->start_due(now);
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders[0].subject, id_of(1));
  EXPECT_EQ(orders[0].url, "http://a/");
  EXPECT_EQ(plan->view(id_of(2), now).phase, Phase::kWaiting);
}

// req: OCSP-STAP-019
TEST_F(PlanTest, OneCertificateHasOneFetchAtATime) {
  make();
  add(1, {"http://a/", "http://b/"});
  ASSERT_EQ(plan->start_due(now).size(), 1U);
  plan->refresh_all(now);
  plan->staple_changed(id_of(1), std::nullopt, now);
  add(1, {"http://a/", "http://b/"});
  EXPECT_TRUE(plan->start_due(now).empty());
}

// req: OCSP-STAP-014
TEST_F(PlanTest, WithoutUrlNothingIsEverAsked) {
  make();
  add(1, {});
  add(2, {"ldap://x/", "not a url"});
  EXPECT_TRUE(plan->start_due(now).empty());
  EXPECT_EQ(plan->next_event(), std::nullopt);
  EXPECT_EQ(plan->view(id_of(1), now).phase, Phase::kIdle);
}

TEST_F(PlanTest, StopsAtTheEndOfTheCertificate) {
  make();
  plan->add(id_of(1), PlanSubject{{"http://a/"}, kStart - Seconds(kDay), kStart + Seconds(100)},
            std::nullopt, now);
  pass(Milliseconds(200'000));
  const auto orders = plan->start_due(now);
  ASSERT_EQ(orders.size(), 1U);
  finish(orders[0], OutcomeKind::kUnreachable);
  EXPECT_EQ(plan->view(id_of(1), now).phase, Phase::kIdle);
  EXPECT_EQ(plan->next_event(), std::nullopt);
}

// req: OCSP-STAP-004
TEST_F(PlanTest, AHundredCertificatesAreSpreadOverTheRefreshWindow) {
  make();
  for (unsigned n = 0; n < 100; ++n) {
    add(n, {"http://host" + std::to_string(n) + "/"}, fresh());
  }
  std::set<std::int64_t> times;
  for (std::size_t asked = 0; asked < 100;) {
    for (const Order& o : next_orders()) {
      times.insert((now.wall - kStart).count());
      finish(o, OutcomeKind::kTaken, fresh());
      ++asked;
    }
  }
  EXPECT_GE(*times.begin(), 24 * kDay / 100);
  EXPECT_LE(*times.rbegin(), 30 * kDay / 100 + 1);
  EXPECT_GT(times.size(), 90U);
}

TEST_F(PlanTest, EveryUrlIsTriedBeforeWaiting) {
  make();
  add(1, {"http://a/", "http://b/", "http://c/"});
  std::vector<std::string> asked;
  for (int i = 0; i < 3; ++i) {
    const auto orders = plan->start_due(now);
    ASSERT_EQ(orders.size(), 1U);
    asked.push_back(orders[0].url);
    const Verdict verdict = finish(orders[0], OutcomeKind::kUnacceptable);
    EXPECT_EQ(verdict.another_url, i < 2);
  }
  EXPECT_THAT(asked, testing::ElementsAre("http://a/", "http://b/", "http://c/"));
  EXPECT_TRUE(plan->start_due(now).empty());
  EXPECT_EQ(plan->view(id_of(1), now).failures, 1U);
  const auto again = next_orders();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].url, "http://a/");
  EXPECT_LE(now.wall - kStart, Seconds(6));
}

// req: OCSP-STAP-019
TEST_F(PlanTest, AHostGetsFewFetchesAtATimeTheMostUrgentFirst) {
  PlanPolicy policy;
  policy.per_host = 2;
  make(policy);
  for (unsigned n = 0; n < 5; ++n) {
    add(n, {"http://a/" + std::to_string(n)},
        StapleFacts{StapleStatus::kGood, kStart - Seconds(kDay), kStart + Seconds(1000 - 100 * n)});
  }
  add(9, {"http://A:80/missing"});
  plan->refresh_all(now);
  pass(Milliseconds(1000));
  auto orders = plan->start_due(now);
  ASSERT_EQ(orders.size(), 2U);
  EXPECT_EQ(orders[0].subject, id_of(9)) << "nothing to staple comes first";
  EXPECT_EQ(orders[1].subject, id_of(4)) << "then the one that expires first";
  EXPECT_TRUE(plan->start_due(now).empty());
  finish(orders[0], OutcomeKind::kTaken, fresh());
  orders = plan->start_due(now);
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders[0].subject, id_of(3));
}

// req: OCSP-STAP-019
TEST_F(PlanTest, AHangingHostDelaysNobodyElse) {
  make();
  for (unsigned n = 0; n < 300; ++n) {
    add(n, {n < 200 ? "http://hangs/" : "http://works/"});
  }
  std::size_t served = 0;
  while (served < 100 && now.steady < MonotonicTime(std::chrono::hours(5)) + Milliseconds(1)) {
    auto orders = plan->start_due(now);
    ASSERT_FALSE(orders.empty());
    for (const Order& o : orders) {
      if (o.url == "http://works/") {
        finish(o, OutcomeKind::kTaken, fresh());
        ++served;
      }
    }
  }
  EXPECT_EQ(served, 100U) << "all of the other host at the same instant";
  EXPECT_EQ(plan->in_flight(), 4U);
}

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

// req: OCSP-STAP-005
TEST_F(PlanTest, AShortLifeIsRefreshedOften) {
  make();
  add(1, {"http://a/"});
  std::size_t requests = 0;
  while (now.wall < kStart + Seconds(6 * 3600)) {  // kept an hour each
    for (const Order& o : next_orders()) {
      ++requests;
      finish(o, OutcomeKind::kTaken, fresh(3600));
    }
  }
  EXPECT_GE(requests, 20U);
  EXPECT_LE(requests, 30U);
}

// req: OCSP-STAP-006
TEST_F(PlanTest, AfterAnAnswerFromTheFutureItWaitsForThatOne) {
  make();
  add(1, {"http://a/"});
  const auto orders = plan->start_due(now);
  const StapleFacts ahead{StapleStatus::kGood, now.wall + Seconds(30),
                          now.wall + Seconds(30 + kDay)};
  finish(orders.at(0), OutcomeKind::kHeldBack, ahead);
  EXPECT_TRUE(plan->start_due(now).empty());
  pass(Milliseconds(30'000));
  plan->staple_changed(id_of(1), ahead, now);
  EXPECT_TRUE(plan->start_due(now).empty());
  const auto next = next_orders();
  ASSERT_EQ(next.size(), 1U);
  EXPECT_GE(now.wall - ahead.this_update, Seconds(24 * kDay / 100));
}

TEST_F(PlanTest, AnAnswerFromTheFutureIsNoReasonToLetTheOneHeldRunOut) {
  make();
  const StapleFacts ahead{StapleStatus::kGood, kStart + Seconds(3600), kStart + Seconds(10 * kDay)};
  const StapleFacts ending{StapleStatus::kGood, kStart - Seconds(kDay), kStart + Seconds(1800)};
  add(1, {"http://a/"}, ending);
  finish(next_orders().at(0), OutcomeKind::kHeldBack, ahead);
  EXPECT_EQ(next_orders().size(), 1U);
  EXPECT_LT(now.wall, ending.expires) << "asked again before the gap";
  make();
  const UnixSeconds begin = now.wall;
  add(2, {"http://a/", "http://b/"});
  EXPECT_TRUE(finish(next_orders().at(0), OutcomeKind::kHeldBack, ahead).another_url)
      << "with nothing on offer the other URL may have one that has begun";
  EXPECT_FALSE(finish(next_orders().at(0), OutcomeKind::kHeldBack, ahead).another_url);
  EXPECT_EQ(next_orders().size(), 1U);
  EXPECT_LE(now.wall - begin, Seconds(241));
}

// req: OCSP-STAP-021
TEST_F(PlanTest, ANewCertificateIsNotKnownYetAndThatIsQuietForAWhile) {
  make();
  plan->add(id_of(1),
            PlanSubject{{"http://a/"}, now.wall - Seconds(3600), now.wall + Seconds(90 * kDay)},
            std::nullopt, now);
  bool was_quiet = false, became_loud = false;
  Seconds longest{0};
  UnixSeconds last = now.wall;
  while (now.wall < kStart + Seconds(2 * 3600)) {
    for (const Order& o : next_orders()) {
      longest = std::max(longest, now.wall - last);
      last = now.wall;
      const Verdict verdict = finish(o, OutcomeKind::kRefused);
      if (now.wall < kStart + Seconds(3600)) {
        EXPECT_TRUE(verdict.quiet);
        EXPECT_LE(longest, Seconds(61));
        was_quiet = true;
      } else {
        EXPECT_FALSE(verdict.quiet);
        became_loud = true;
      }
    }
  }
  EXPECT_TRUE(was_quiet && became_loud);
}

TEST_F(PlanTest, AnOldCertificateHasNoGrace) {
  make();
  add(1, {"http://a/"});
  EXPECT_FALSE(finish(plan->start_due(now).at(0), OutcomeKind::kRefused).quiet);
}

TEST_F(PlanTest, AWallClockThatJumpsPastExpiryRefetchesAtOnce) {
  make();
  const StapleFacts held = fresh();
  add(1, {"http://a/"}, held);
  EXPECT_TRUE(plan->start_due(now).empty());
  plan->observe_clock(now);
  now.wall += Seconds(2 * kDay);
  EXPECT_EQ(plan->observe_clock(now), Seconds(2 * kDay));
  EXPECT_EQ(plan->start_due(now).size(), 1U);
}

TEST_F(PlanTest, AWallClockThatJumpsBackDoesNotStallTheRetries) {
  make();
  add(1, {"http://a/"}, StapleFacts{StapleStatus::kGood, kStart, kStart + Seconds(kDay)});
  plan->observe_clock(now);
  now.wall -= Seconds(10 * kDay);
  EXPECT_LT(plan->observe_clock(now), Seconds(0));
  EXPECT_EQ(plan->start_due(now).size(), 1U) << "what is held is not valid yet by this clock";
}

TEST_F(PlanTest, ACertificateThatSeemedExpiredIsTakenUpWhenTheClockIsCorrected) {
  make();
  now.wall += Seconds(1000 * kDay);
  add(1, {"http://a/"});
  plan->observe_clock(now);
  EXPECT_TRUE(plan->start_due(now).empty());
  now.wall -= Seconds(1000 * kDay);
  plan->observe_clock(now);
  EXPECT_EQ(plan->start_due(now).size(), 1U);
}

TEST_F(PlanTest, ASmallClockCorrectionChangesNothing) {
  make();
  add(1, {"http://a/"}, fresh());
  plan->observe_clock(now);
  const auto due = plan->next_event();
  now.wall += Seconds(1);
  EXPECT_EQ(plan->observe_clock(now), Seconds(0));
  EXPECT_EQ(plan->next_event(), due);
}

TEST_F(PlanTest, TheWithdrawalOfAnExpiredStapleBringsTheNextTryForward) {
  make();
  const StapleFacts held = fresh();
  add(1, {"http://a/"}, held);
  plan->staple_changed(id_of(1), std::nullopt, now);
  EXPECT_EQ(plan->start_due(now).size(), 1U);
}

TEST_F(PlanTest, TheSameSeedGivesTheSamePlan) {
  const auto trace = [](std::uint64_t seed) {
    Plan seeded(PlanPolicy{}, seed);
    Instant t{kStart, MonotonicTime(std::chrono::hours(1))};
    for (unsigned n = 0; n < 20; ++n) {
      seeded.add(id_of(n),
                 PlanSubject{{"http://h" + std::to_string(n)}, kStart, kStart + Seconds(90 * kDay)},
                 StapleFacts{StapleStatus::kGood, kStart, kStart + Seconds(kDay)}, t);
    }
    return seeded.next_event();
  };
  EXPECT_EQ(trace(7), trace(7));
  EXPECT_NE(trace(7), trace(8));
}

TEST(HostOf, NamesHostAndPort) {
  EXPECT_EQ(host_of("http://OCSP.Example/a"), "ocsp.example:80");
  EXPECT_EQ(host_of("https://ocsp.example"), "ocsp.example:443");
  EXPECT_EQ(host_of("http://[::1]:8080/"), "[::1]:8080");
  EXPECT_EQ(host_of("ldap://x/"), "");
}

}  // namespace
}  // namespace muster::keeper
