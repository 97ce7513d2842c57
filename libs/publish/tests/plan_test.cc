#include "muster/publish/plan.h"

#include <gtest/gtest.h>

namespace muster::publish {
namespace {

constexpr UnixSeconds kStart = unix_seconds(1'800'000'000);
constexpr Seconds kHour{3600};

Terms terms_of(std::optional<Seconds> delta = std::nullopt,
               std::optional<Seconds> reaction = std::nullopt) {
  Terms terms;
  terms.interval = 24 * kHour;
  terms.overlap = 48 * kHour;
  terms.delta_interval = delta;
  terms.reaction = reaction;
  return terms;
}
History at(UnixSeconds t) { return {t, t, std::nullopt, false}; }

// req: OCSP-CRL-040
TEST(Plan, PublishesAtOnceWhatWasNeverPublished) {
  const Decision decision = decide(terms_of(), {}, Changed::kNo, kStart);
  EXPECT_EQ(decision.action, Action::kComplete);
  EXPECT_EQ(decision.regular, Regular::kYes);
  EXPECT_LE(next_due(terms_of(), {}), kStart);
}

TEST(Plan, KeepsToTheInterval) {
  const Terms terms = terms_of();
  EXPECT_EQ(decide(terms, at(kStart), Changed::kNo, kStart + 24 * kHour - Seconds(1)).action,
            Action::kNothing);
  EXPECT_EQ(decide(terms, at(kStart), Changed::kNo, kStart + 24 * kHour).action, Action::kComplete);
  EXPECT_EQ(next_due(terms, at(kStart)), kStart + 24 * kHour);
}

// req: OCSP-CRL-040
TEST(Plan, PublishesChangesOnlyWhereAReactionIsAskedFor) {
  EXPECT_EQ(decide(terms_of(), at(kStart), Changed::kYes, kStart + kHour).action, Action::kNothing);
  const Decision complete =
      decide(terms_of(std::nullopt, kHour), at(kStart), Changed::kYes, kStart + kHour);
  EXPECT_EQ(complete.action, Action::kComplete);
  EXPECT_EQ(complete.regular, Regular::kNo);
  EXPECT_EQ(decide(terms_of(6 * kHour, kHour), {kStart, kStart, kStart, false}, Changed::kYes,
                   kStart + kHour)
                .action,
            Action::kDelta);
  EXPECT_EQ(look_interval(terms_of(std::nullopt, kHour)), kHour / 2);
  EXPECT_FALSE(look_interval(terms_of()));
}

TEST(Plan, AnUnscheduledCrlDoesNotMoveTheSchedule) {
  const History history{kStart, kStart + 20 * kHour, std::nullopt, false};
  const Decision decision = decide(terms_of(), history, Changed::kNo, kStart + 24 * kHour);
  EXPECT_EQ(decision.action, Action::kComplete);
  EXPECT_EQ(decision.regular, Regular::kYes);
}

TEST(Plan, GivesEachBaseADeltaAndThenKeepsToTheirInterval) {
  const Terms terms = terms_of(6 * kHour);
  EXPECT_EQ(decide(terms, at(kStart), Changed::kNo, kStart).action, Action::kDelta);
  const History with_delta{kStart, kStart, kStart, false};
  EXPECT_EQ(decide(terms, with_delta, Changed::kNo, kStart + 6 * kHour - Seconds(1)).action,
            Action::kNothing);
  EXPECT_EQ(decide(terms, with_delta, Changed::kNo, kStart + 6 * kHour).action, Action::kDelta);
  EXPECT_EQ(next_due(terms, with_delta), kStart + 6 * kHour);
}

// req: OCSP-CRL-049
TEST(Plan, EndsWithTheLastCrl) {
  History history = at(kStart);
  history.ended = true;
  EXPECT_EQ(decide(terms_of(), history, Changed::kYes, kStart + 1000 * kHour).action,
            Action::kNothing);
  EXPECT_FALSE(next_due(terms_of(), history));
}

// req: OCSP-CRL-048
TEST(Plan, EtsiYearHasACrlEveryDay) {
  Terms terms;
  terms.profile = find_profile("etsi");
  ASSERT_TRUE(check_terms(terms));
  History history;
  UnixSeconds last = kStart;
  for (UnixSeconds now = kStart; now < kStart + 365 * 24 * kHour; now += Seconds(600)) {
    if (decide(terms, history, Changed::kNo, now).action == Action::kComplete) {
      EXPECT_LE(now - last, 24 * kHour);
      last = now;
      history = at(now);
    }
  }
  EXPECT_GT(last, kStart + 364 * 24 * kHour);
}

// req: OCSP-CRL-004
TEST(NextUpdate, IsNotBeforeThatOfTheEarlierCrl) {
  const Terms terms = terms_of();
  EXPECT_EQ(next_update_of(terms, kStart, std::nullopt, std::nullopt).at, kStart + 72 * kHour);
  EXPECT_EQ(next_update_of(terms, kStart, kStart + 80 * kHour, std::nullopt).at,
            kStart + 80 * kHour);
  EXPECT_EQ(next_update_of(terms, kStart, kStart + 70 * kHour, std::nullopt).at,
            kStart + 72 * kHour);
}

// req: OCSP-CRL-041
TEST(NextUpdate, NeverPassesTheProfileOrTheSource) {
  Terms terms = terms_of();
  terms.profile = find_profile("cabf");
  const NextUpdate limited = next_update_of(terms, kStart, kStart + 300 * 24 * kHour, std::nullopt);
  EXPECT_EQ(limited.at, kStart + 10 * 24 * kHour);
  EXPECT_TRUE(limited.earlier_than_before);
  const NextUpdate sourced = next_update_of(terms, kStart, std::nullopt, kStart + kHour);
  EXPECT_EQ(sourced.at, kStart + kHour);
  EXPECT_FALSE(sourced.earlier_than_before);
}

TEST(NextUpdate, OfADeltaIsItsOwn) {
  Terms terms = terms_of(6 * kHour);
  EXPECT_EQ(delta_next_update_of(terms, kStart, std::nullopt, std::nullopt).at,
            kStart + 12 * kHour);
  terms.delta_overlap = kHour;
  EXPECT_EQ(delta_next_update_of(terms, kStart, std::nullopt, std::nullopt).at, kStart + 7 * kHour);
  EXPECT_EQ(delta_next_update_of(terms, kStart, kStart + 9 * kHour, std::nullopt).at,
            kStart + 9 * kHour);
}

}  // namespace
}  // namespace muster::publish
