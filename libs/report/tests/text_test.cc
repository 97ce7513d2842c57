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

TEST(ReportText, TellsWhichCrlItWas) {
  const auto told = [](CrlAnswer crl) {
    return format_text({report({{Channel::kCrl, "ca.crl", std::move(crl)}})}, kPlain);
  };
  CrlAnswer crl{ocsp::Good{}, kTestNow - hours(1), kTestNow + hours(99)};
  EXPECT_THAT(told(crl), HasSubstr("(in 4d 3h)  ca.crl\n"));
  crl.with_delta = true;
  EXPECT_THAT(told(crl), HasSubstr("(in 4d 3h)  with a delta  ca.crl\n"));
  crl.number = "1A";
  EXPECT_THAT(told(crl), HasSubstr("(in 4d 3h)  number 1A with a delta  ca.crl\n"));
  crl.with_delta = false;
  crl.kept_since = kTestNow - hours(2);
  EXPECT_THAT(told(crl), HasSubstr("(in 4d 3h)  number 1A  a copy of 2h ago  ca.crl\n"));
}

TEST(ReportText, TellsAnIssuerThatTargetsShareOnce) {
  const auto issuer_of = [](const char* target, Silence what) {
    TargetReport made =
        report({{Channel::kLive, "http://ocsp.test/", what}}, target, P().intermediate);
    made.what->role = Role::kIssuer;
    return made;
  };
  const std::string text =
      format_text({report({answered(ocsp::Good{})}, "a.pem"), issuer_of("a.pem", Silence::kPrivacy),
                   report({answered(ocsp::Good{})}, "b.pem"), issuer_of("b.pem", Silence::kPrivacy),
                   issuer_of("c.pem", Silence::kNoIssuer)},
                  kPlain);
  const std::size_t first = text.find("not-asked");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(text.find("not-asked", text.find("b.pem")), std::string::npos) << text;
  EXPECT_THAT(text, HasSubstr("         as told above, with a.pem\n  verdict  UNDETERMINED\n"));
  EXPECT_THAT(text, HasSubstr("issuer-missing")) << "another finding about the same issuer";
  // Two that only look alike: what is in question is never left out.
  TargetReport asked = issuer_of("d.pem", Silence::kPrivacy);
  asked.what->role = Role::kSubject;
  EXPECT_THAT(format_text({asked, asked}, kPlain), Not(HasSubstr("as told above")));
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
