#include "muster/report/nagios.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report_fixture.h"

namespace muster::report {
namespace {

using ::testing::HasSubstr;

Row row(Outcome outcome, Seconds lasts = hours(24 * 60), std::optional<double> share = 0.5) {
  Row row;
  row.target = "leaf.pem";
  row.outcome = outcome;
  row.not_after = kTestNow + lasts;
  row.share_left = share;
  return row;
}

TEST(Nagios, HasItsOwnCodes) {
  struct Case {
    std::vector<Outcome> outcomes;
    NagiosState state;
  };
  for (const Case& c : {Case{{}, NagiosState::kUnknown},
                        {{Outcome::kGood}, NagiosState::kOk},
                        {{Outcome::kNotNeeded}, NagiosState::kOk},
                        {{Outcome::kWarning}, NagiosState::kWarning},
                        {{Outcome::kUndetermined}, NagiosState::kUnknown},
                        {{Outcome::kUnreadable}, NagiosState::kUnknown},
                        {{Outcome::kUnknown}, NagiosState::kCritical},
                        {{Outcome::kUnacceptable}, NagiosState::kCritical},
                        {{Outcome::kRevoked}, NagiosState::kCritical},
                        {{Outcome::kWarning, Outcome::kUndetermined}, NagiosState::kUnknown},
                        {{Outcome::kUndetermined, Outcome::kRevoked}, NagiosState::kCritical}}) {
    std::vector<Row> rows;
    for (const Outcome outcome : c.outcomes) {
      rows.push_back(row(outcome));
    }
    EXPECT_EQ(nagios_state(rows, {}, kTestNow), c.state);
  }
  EXPECT_EQ(nagios_exit_code(NagiosState::kUnknown), 3);
}

TEST(Nagios, ThresholdsAreReadAndHeld) {
  for (const char* wrong : {"", "30", "20%,30%", "7d,1h", "101%", "-1%", "20 %x"}) {
    EXPECT_FALSE(parse_threshold(wrong)) << wrong;
  }
  const Thresholds limits{parse_threshold("30d,20%").value(), parse_threshold("5%").value()};
  struct Case {
    Seconds lasts;
    std::optional<double> share;
    NagiosState state;
  };
  for (const Case& c : {Case{hours(30 * 24), 0.2, NagiosState::kOk},
                        {hours(30 * 24) - Seconds(1), 0.2, NagiosState::kWarning},
                        {hours(99 * 24), 0.19, NagiosState::kWarning},
                        {hours(99 * 24), 0.04, NagiosState::kCritical},
                        {hours(99 * 24), std::nullopt, NagiosState::kOk}}) {
    EXPECT_EQ(
        nagios_state(std::vector<Row>{row(Outcome::kGood, c.lasts, c.share)}, limits, kTestNow),
        c.state);
  }
}

TEST(Nagios, FirstLineHasStateCountsWorstAndPerformance) {
  Row revoked = row(Outcome::kRevoked, hours(24 * 10), 0.25);
  revoked.target = "www:443";
  revoked.subject = "CN=www";
  revoked.code = "revoked";
  revoked.detail = "revoked at noon";
  const Thresholds limits{parse_threshold("30d,20%").value(), parse_threshold("7d").value()};
  EXPECT_EQ(format_nagios(std::vector<Row>{row(Outcome::kGood), revoked}, limits, kTestNow),
            "OCSP CRITICAL - 2 certificates: 1 revoked, 1 good; CRITICAL: www:443 (www): revoked: "
            "revoked at noon | share_left=25%;20:;;0;100 days_left=10;30:;7:;; certificates=2;;;0 "
            "good=1;;;0 not_needed=0;;;0 warning=0;;;0 undetermined=0;;;0 unreadable=0;;;0 "
            "unknown=0;;;0 unacceptable=0;;;0 revoked=1;;;0\n");
  EXPECT_THAT(format_nagios(std::vector<Row>{row(Outcome::kGood, hours(24 * 6))}, limits, kTestNow),
              HasSubstr("CRITICAL: leaf.pem: good, lasts 6d, 50% of its answer left |"));
  Row none;
  none.target = "gone:443";
  EXPECT_THAT(format_nagios(std::vector<Row>{none}, {}, kTestNow),
              HasSubstr("| share_left=U;;;0;100 days_left=U;;;; "));
}

TEST(Nagios, LinesAreBounded) {
  std::vector<Row> rows(200, row(Outcome::kUndetermined));
  for (Row& r : rows) {
    r.detail = std::string(500, 'x');
  }
  const std::string text = format_nagios(rows, {}, kTestNow);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'),
            static_cast<std::ptrdiff_t>(kMaxNagiosLines) + 2);
  EXPECT_LT(text.size(), 8'192U) << "some cores read no more";
  EXPECT_THAT(text, HasSubstr("\nand 170 more\n"));
}

}  // namespace
}  // namespace muster::report
