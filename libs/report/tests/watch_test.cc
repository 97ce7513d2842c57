#include "muster/report/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "report_fixture.h"

namespace muster::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr View kPlain{.now = kTestNow, .colour = Colour::kPlain, .columns = 0};

TargetReport named(const std::string& target, Outcome outcome) {
  TargetReport out;
  out.target = target;
  out.outcome = outcome;
  return out;
}

TEST(Board, MarksWhatChangedSinceTheLastRound) {
  Board board;
  const std::string first =
      board.round({named("a", Outcome::kGood), named("b", Outcome::kGood)}, kPlain);
  EXPECT_THAT(first, HasSubstr("2026-11-24T10:00:00Z  round 1\n"));
  EXPECT_THAT(first, Not(HasSubstr("*"))) << "all is new";
  const std::string second =
      board.round({named("a", Outcome::kGood), named("b", Outcome::kRevoked)}, kPlain);
  EXPECT_THAT(second, HasSubstr("round 2, 1 changed\n"));
  EXPECT_THAT(second, HasSubstr("\n*  b "));
  EXPECT_THAT(second, HasSubstr("\n* 2026-11-24T10:00:00Z  b: good -> revoked\n"));
  const std::string third =
      board.round({named("b", Outcome::kRevoked), named("c", Outcome::kGood)}, kPlain);
  EXPECT_THAT(third, Not(HasSubstr("\n*  b ")));
  EXPECT_THAT(third, HasSubstr("c: new\n"));
  EXPECT_THAT(third, HasSubstr("a: gone (was good)\n"));
  EXPECT_THAT(third, HasSubstr("b: good -> revoked\n")) << "still told";
  EXPECT_EQ(board.rounds(), 3U);
}

TEST(Board, ARenewedCertificateIsAChange) {
  Board board;
  board.round({report({answered(ocsp::Good{})})}, kPlain);
  const std::string text =
      board.round({report({answered(ocsp::Good{})}, "leaf.pem", P().other_leaf)}, kPlain);
  EXPECT_THAT(text, HasSubstr("another certificate"));
}

TEST(Board, FitsTheScreenWithTheWorstFirst) {
  Board board;
  std::vector<TargetReport> reports;
  for (int i = 0; i < 100; ++i) {
    reports.push_back(named("t" + std::to_string(i), i == 99 ? Outcome::kRevoked : Outcome::kGood));
  }
  for (const std::size_t lines : {std::size_t{1}, std::size_t{10}, std::size_t{24}}) {
    const std::string text = board.round(reports, kPlain, lines);
    EXPECT_LE(std::count(text.begin(), text.end(), '\n'),
              static_cast<std::ptrdiff_t>(std::max<std::size_t>(lines, 5)))
        << text;
    EXPECT_THAT(text, HasSubstr("t99"));
    EXPECT_THAT(text, HasSubstr("more; 100 certificates: 1 revoked, 99 good\n"));
  }
  EXPECT_EQ(board.round(reports, kPlain, 200).find("more;"), std::string::npos);
}

TEST(Board, ForgetsOldChanges) {
  Board board;
  std::string last;
  for (int i = 0; i < 30; ++i) {
    last = board.round({named("a", i % 2 == 0 ? Outcome::kGood : Outcome::kWarning)}, kPlain);
  }
  EXPECT_EQ(std::count(last.begin(), last.end(), '>'),
            static_cast<std::ptrdiff_t>(Board::kMaxChanges));
}

TEST(Watch, RedrawsWithoutClearingTheScreen) {
  EXPECT_EQ(redraw("a\nb\n"), "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
}

TEST(Watch, TellsProgress) {
  EXPECT_EQ(progress_line(0, 1000, std::nullopt), "0 of 1000 checked");
  EXPECT_EQ(progress_line(37, 1000, Milliseconds(124'100)), "37 of 1000 checked, about 2m 5s left");
  EXPECT_EQ(progress_line(1000, 1000, Milliseconds(0)), "1000 of 1000 checked");
}

}  // namespace
}  // namespace muster::report
