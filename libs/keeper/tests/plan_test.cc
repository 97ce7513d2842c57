#include <set>

#include "plan_fixture.h"

// When a certificate is asked about. What follows from failures: plan_failures_test.cc.
namespace muster::keeper {
namespace {

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

// req: OCSP-STAP-019
TEST_F(PlanTest, AStapleThatComesWhileOneIsAskedForOpensNoSecondQuestion) {
  PlanPolicy policy;
  policy.start_spread = Seconds(0);
  make(policy);
  add(1, {"http://a/"});
  const auto first = plan->start_due(now);
  ASSERT_EQ(first.size(), 1U);
  // Held back until now, say; and due for its refresh already.
  const StapleFacts begun{StapleStatus::kGood, kStart - Seconds(kDay / 2),
                          kStart + Seconds(kDay / 2)};
  plan->staple_changed(id_of(1), begun, now);
  EXPECT_EQ(plan->view(id_of(1), now).phase, Phase::kInFlight);
  EXPECT_TRUE(plan->start_due(now).empty());
  EXPECT_TRUE(finish(first[0], OutcomeKind::kTaken, fresh()).known_order);
  EXPECT_EQ(plan->view(id_of(1), now).phase, Phase::kWaiting);
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

TEST_F(PlanTest, WhatIsHeldAndSeemsToLieAheadIsAskedAboutInMinutes) {
  make();
  add(1, {"http://a/"});
  const StapleFacts ahead{StapleStatus::kGood, kStart + Seconds(5000), kStart + Seconds(kDay)};
  finish(next_orders().at(0), OutcomeKind::kNothingNewer, ahead);
  ASSERT_EQ(next_orders().size(), 1U);
  EXPECT_EQ(now.wall - kStart, PlanPolicy{}.most_retry_without);
}

TEST_F(PlanTest, AnAnswerThatIsHeldBackEndsNoBackoffOfTheOtherUrl) {
  make();
  add(1, {"http://a/", "http://b/"});
  const StapleFacts ahead{StapleStatus::kGood, kStart + Seconds(3 * 3600), kStart + Seconds(kDay)};
  std::size_t asked = 0;
  while (now.wall < kStart + Seconds(3600)) {
    for (const Order& o : next_orders()) {
      ++asked;
      if (o.url == "http://a/") {
        finish(o, OutcomeKind::kHeldBack, ahead);
      } else {
        plan->finish(o.ticket,
                     Outcome{OutcomeKind::kUnacceptable, {}, {}, {}, FailureClass::kExpired}, now);
      }
    }
  }
  EXPECT_GE(asked, 30U);
  EXPECT_LE(asked, 300U);
}

// A clock that is ahead by nearly the life of an answer, or a responder that never renews.
TEST_F(PlanTest, AnAnswerThatEndsAsItComesIsNotAskedForEachSecond) {
  make();
  add(1, {"http://a/"});
  const StapleFacts ending{StapleStatus::kGood, kStart - Seconds(kDay), kStart + Seconds(2)};
  finish(next_orders().at(0), OutcomeKind::kTaken, ending);
  pass(Milliseconds(2'000));
  plan->staple_changed(id_of(1), ending, now);
  EXPECT_TRUE(plan->start_due(now).empty());
  ASSERT_EQ(next_orders().size(), 1U);
  EXPECT_EQ(now.wall - kStart, Seconds(60));
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
