#include "muster/report/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "report_fixture.h"
#include "screen.h"

namespace muster::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr View kPlain{.now = kTestNow, .colour = Colour::kPlain, .columns = 0};

TEST(ReportText, TellsStatusFreshnessAndSigner) {
  const std::string text = format_text({report({answered(ocsp::Good{})})}, kPlain);
  EXPECT_THAT(text, HasSubstr("leaf.pem"));
  EXPECT_THAT(
      text,
      HasSubstr("live     GOOD        fresh      98% left  next 2026-11-26T12:00:00Z (in 2d 2h)"));
  EXPECT_THAT(text, HasSubstr("(delegate)  http://ocsp.test/  41 ms"));
  EXPECT_THAT(text, HasSubstr("verdict  GOOD\n"));
}

TEST(ReportText, TellsWhatWhyAndWhatToDo) {
  const std::string text = format_text(all_kinds(), kPlain);
  EXPECT_THAT(text, HasSubstr("stapled  STALE"));
  EXPECT_THAT(text, HasSubstr("response-expired: The answer's nextUpdate has passed."));
  EXPECT_THAT(text, HasSubstr("seen: nextUpdate was"));
  EXPECT_THAT(text, HasSubstr("why:  Newer information exists"));
  EXPECT_THAT(text, HasSubstr("fix:  A server: see why its refresh stopped."));
  EXPECT_THAT(text, HasSubstr("expired-but-revoked"));
  EXPECT_THAT(text, HasSubstr("revoked at 2026-11-24T01:00:00Z, reason keyCompromise"));
  EXPECT_THAT(text, HasSubstr("stapled  ABSENT"));
  EXPECT_THAT(text, HasSubstr("live     NOT ASKED"));
  EXPECT_THAT(text, HasSubstr("live     NO ANSWER"));
  EXPECT_THAT(text, HasSubstr("UNREADABLE  cannot open 'nothing.pem'"));
}

TEST(ReportText, TellsWhatToDoWithoutAnIssuer) {
  const std::string text =
      format_text({report({{Channel::kLive, "http://ocsp.test/", Silence::kNoIssuer}})}, kPlain);
  EXPECT_THAT(text, HasSubstr("issuer-missing: The issuer's certificate is not at hand."));
  EXPECT_THAT(text, HasSubstr("fix:  Give --issuer FILE"));
  EXPECT_THAT(text, HasSubstr("verdict  UNDETERMINED"));
}

TEST(ReportText, HasColoursOnlyWhenAskedAndEndsEachLineClean) {
  const std::string plain = format_text(all_kinds(), kPlain);
  EXPECT_THAT(plain, Not(HasSubstr("\x1b")));
  EXPECT_THAT(plain, Not(HasSubstr(" \n")));
  EXPECT_THAT(format_text(all_kinds(), {.now = kTestNow, .colour = Colour::kAnsi, .columns = 0}),
              HasSubstr("\x1b[31;1m"));
}

TEST(ReportText, MakesWhatComesFromOutsidePrintable) {
  const std::string text =
      format_text({report({answered(ocsp::Good{})}, "evil\x1b[2J\nname")}, kPlain);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("evil\\x1b[2J\\x0aname"));
}

TEST(ReportText, BreaksLinesAtTheScreensWidth) {
  for (const std::size_t columns : {kMinColumns, std::size_t{80}, std::size_t{132}}) {
    for (const Colour colour : {Colour::kPlain, Colour::kAnsi}) {
      std::istringstream lines(
          format_text(all_kinds(), {.now = kTestNow, .colour = colour, .columns = columns}));
      for (std::string line; std::getline(lines, line);) {
        EXPECT_LE(columns_of(line), columns) << line;
      }
    }
  }
}

TEST(Worst, IsTheSeverestOutcome) {
  EXPECT_EQ(worst({}), Outcome::kGood);
  EXPECT_EQ(worst(all_kinds()), Outcome::kRevoked);
  EXPECT_EQ(worst({report({answered(ocsp::Good{})}), unreadable()}), Outcome::kUnreadable);
}

}  // namespace
}  // namespace muster::report
