#include "muster/report/row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/base/text.h"
#include "muster/report/csv.h"
#include "muster/report/fail_on.h"
#include "muster/report/format.h"
#include "muster/report/prometheus.h"
#include "muster/report/table.h"
#include "report_fixture.h"
#include "screen.h"

namespace muster::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr View kPlain{.now = kTestNow, .colour = Colour::kPlain, .columns = 0};

Row good_row() {
  Row row;
  row.target = "leaf.pem";
  row.subject = "O=Muster Test, CN=leaf.example";
  row.issuer = "CN=CA";
  row.serial = "0a01";
  row.sha256 = "ff00";
  row.outcome = Outcome::kGood;
  row.status = ocsp::Good{};
  row.channel = "live";
  row.source = "http://ocsp.test/";
  row.freshness = Freshness::kFresh;
  row.share_left = 0.9876;
  row.this_update = kTestNow - hours(1);
  row.next_update = kTestNow + hours(50);
  row.not_after = kTestNow + hours(24 * 60);
  row.must_staple = "not-demanded";
  return row;
}
Row revoked_row() {
  Row row = good_row();
  row.target = "www.example:443";
  row.peer = "192.0.2.7:443, TLSv1.3";
  row.outcome = Outcome::kRevoked;
  row.status = ocsp::Revoked{kTestNow - hours(9), ReasonCode::kKeyCompromise};
  row.code = "revoked";
  row.detail = "revoked at 2026-11-24T01:00:00Z, reason keyCompromise";
  row.codes = {"revoked", "no-staple"};
  return row;
}
Row unreadable_row() { return row_of(unreadable(), kTestNow); }

TEST(Row, SaysWhatToldTheStatusAndWhatWeighsMost) {
  const std::vector<TargetReport> reports = all_kinds();
  const Row good = row_of(reports[0], kTestNow);
  EXPECT_EQ(good.channel, "stapled") << "the first that said so";
  EXPECT_EQ(status_word(good), "good");
  EXPECT_EQ(good.code, "");
  EXPECT_NEAR(good.share_left.value(), 0.98, 0.01);
  EXPECT_EQ(good.asked, Milliseconds(82));
  const Row revoked = row_of(reports[1], kTestNow);
  EXPECT_EQ(revoked.code, "revoked");
  EXPECT_EQ(revoked.channel, "live");
  const Row stale = row_of(reports[3], kTestNow);
  EXPECT_EQ(status_word(stale), "") << "what is stale tells nothing";
  EXPECT_EQ(stale.channel, "stapled");
  EXPECT_FALSE(stale.share_left);
  EXPECT_EQ(stale.code, "response-expired");
  const Row none = unreadable_row();
  EXPECT_EQ(none.code, "target-unreadable");
  EXPECT_EQ(none.detail, "cannot open 'nothing.pem'");
}

TEST(Row, ShortSubjects) {
  struct Case {
    const char* subject;
    const char* name;
  };
  for (const Case& c : {Case{"O=Muster Test, CN=leaf.example", "leaf.example"},
                        {"CN=a, O=b", "a"},
                        {"CN=Smith, John, O=b", "Smith, John"},
                        {"O=only", "O=only"},
                        {"", ""}}) {
    Row row;
    row.subject = c.subject;
    EXPECT_EQ(short_subject(row), c.name);
  }
}

TEST(Summary, CountsTheWorstFirst) {
  EXPECT_EQ(summary({good_row()}), "1 certificate: 1 good");
  EXPECT_EQ(summary({good_row(), revoked_row(), good_row()}), "3 certificates: 1 revoked, 2 good");
}

TEST(Table, HasALineACertificate) {
  const std::vector<Row> rows = {good_row(), revoked_row(), unreadable_row()};
  EXPECT_EQ(
      format_table(rows, kPlain),
      "TARGET           VERDICT     STATUS   SOURCE  LEFT  EXPIRES  REASON\n"
      "leaf.pem         good        good     live    98%   60d\n"
      "www.example:443  revoked     revoked  live    98%   60d      revoked: revoked at "
      "2026-11-24T01:00:00Z, reason keyCompromise\n"
      "nothing.pem      unreadable  -        -       -     -        target-unreadable: cannot open "
      "'nothing.pem'\n"
      "3 certificates: 1 revoked, 1 unreadable, 1 good\n");
}

TEST(Table, FitsEveryScreen) {
  std::vector<Row> rows = {good_row(), revoked_row(), unreadable_row()};
  rows[0].target = std::string(200, 'x');
  for (std::size_t columns = kMinColumns; columns < 200; columns += 7) {
    const std::string table =
        format_table(rows, {.now = kTestNow, .colour = Colour::kAnsi, .columns = columns});
    for (const std::string_view line : split(table, '\n')) {
      EXPECT_LE(columns_of(line), std::max<std::size_t>(columns, 48)) << line;
    }
    EXPECT_THAT(table, HasSubstr("revoked")) << "the verdict is never left out";
  }
}

TEST(Table, NamesTheCertificateWhereATargetHasSeveral) {
  const std::vector<Row> rows = {good_row(), good_row()};
  EXPECT_THAT(format_table(rows, kPlain), HasSubstr("leaf.pem (leaf.example)"));
  const std::vector<std::string> notes = {"", "*"};
  EXPECT_THAT(format_table(rows, kPlain, notes), HasSubstr("\n*  leaf.pem"));
}

TEST(Csv, HasAHeadingAndARecordEach) {
  const std::vector<Row> rows = {revoked_row(), unreadable_row()};
  EXPECT_EQ(
      format_csv(rows),
      "target,peer,verdict,exit_code,cert_status,revoked_at,revocation_reason,source,url,freshness,"
      "share_left,this_update,next_update,subject,issuer,serial,not_after,sha256,must_staple,code,"
      "detail,codes\r\n"
      "www.example:443,\"192.0.2.7:443, TLSv1.3\",revoked,1,revoked,2026-11-24T01:00:00Z,"
      "keyCompromise,live,http://ocsp.test/,fresh,0.9876,2026-11-24T09:00:00Z,"
      "2026-11-26T12:00:00Z,\"O=Muster Test, CN=leaf.example\",CN=CA,0a01,2027-01-23T10:00:00Z,"
      "ff00,not-demanded,revoked,\"revoked at 2026-11-24T01:00:00Z, reason keyCompromise\","
      "revoked no-staple\r\n"
      "nothing.pem,,unreadable,66,,,,,,,,,,,,,,,,target-unreadable,cannot open "
      "'nothing.pem',target-unreadable\r\n");
}

TEST(Csv, FormulasOfOthersAreTexts) {
  for (const char* formula : {"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", " =1", "\uff1d1"}) {
    Row row = good_row();
    row.target = formula;
    const std::string csv = format_csv(std::vector<Row>{row});
    const std::string cell = csv.substr(csv.find("\r\n") + 2, 2);
    EXPECT_TRUE(cell.starts_with("'") || cell == "\"'") << cell;
  }
}

TEST(Prometheus, WritesFamiliesWithoutInventedZeros) {
  Row unreachable = unreadable_row();
  unreachable.target = "a\\b\"c";
  const std::string text =
      format_prometheus(std::vector<Row>{good_row(), good_row(), unreachable}, kTestNow);
  EXPECT_THAT(text, HasSubstr("# HELP muster_check_outcome 1 for the outcome of the check, 0 for "
                              "the others.\n# TYPE muster_check_outcome gauge\n"));
  EXPECT_THAT(text, HasSubstr("muster_check_outcome{target=\"leaf.pem\",certificate=\"1\","
                              "outcome=\"good\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("muster_check_outcome{target=\"leaf.pem\",certificate=\"1\","
                              "outcome=\"revoked\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("muster_check_outcome{target=\"a\\\\b\\\"c\",certificate=\"0\","
                              "outcome=\"unreadable\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("muster_check_certificates{outcome=\"good\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("muster_check_answer_share_left{target=\"leaf.pem\",certificate=\"0\""
                              "} 0.9876\n"));
  EXPECT_THAT(text, HasSubstr("muster_check_answer_remaining_seconds{target=\"leaf.pem\","
                              "certificate=\"0\"} 180000\n"));
  EXPECT_THAT(text, Not(HasSubstr("left{target=\"a"))) << "nothing is known of it";
  EXPECT_THAT(format_prometheus(std::vector<Row>{unreachable}, kTestNow),
              Not(HasSubstr("share_left")));
}

struct Threshold {
  const char* word;
  Outcome mildest;
};
class FailOnLevels : public ::testing::TestWithParam<Threshold> {};

TEST_P(FailOnLevels, FailAllThatIsAsBadAndWhatCannotBeRead) {
  const auto level = parse_fail_on(GetParam().word);
  ASSERT_TRUE(level);
  for (const Outcome outcome : kOutcomes) {
    const bool expected = outcome >= GetParam().mildest || outcome == Outcome::kUnreadable;
    EXPECT_EQ(fails(outcome, *level), expected) << to_string(outcome);
    TargetReport report = unreadable();
    report.outcome = outcome;
    EXPECT_EQ(exit_code_for(Format::kText, {report}, {.view = kPlain, .fail_on = *level}),
              expected ? exit_code(outcome) : 0);
  }
}
INSTANTIATE_TEST_SUITE_P(Words, FailOnLevels,
                         ::testing::Values(Threshold{"revoked", Outcome::kRevoked},
                                           Threshold{"unacceptable", Outcome::kUnacceptable},
                                           Threshold{"unknown", Outcome::kUnknown},
                                           Threshold{"undetermined", Outcome::kUndetermined},
                                           Threshold{"warning", Outcome::kWarning}));

TEST(FailOnLevels, OfSeveralTheWorstThatFailsCounts) {
  std::vector<TargetReport> reports = {report({answered(ocsp::Unknown{})}), unreadable()};
  EXPECT_EQ(worst_failing(reports, FailOn::kUnacceptable), Outcome::kUnreadable);
  EXPECT_EQ(worst_failing(reports, FailOn::kWarning), Outcome::kUnknown);
  EXPECT_EQ(worst_failing({}, FailOn::kWarning), Outcome::kGood);
  EXPECT_FALSE(parse_fail_on("good"));
  EXPECT_FALSE(parse_fail_on("Revoked"));
}

TEST(Format, WordsLeadThereAndBack) {
  for (std::size_t i = 0; i < 9; ++i) {
    const auto format = static_cast<Format>(i);
    EXPECT_EQ(parse_format(to_string(format)), format);
    EXPECT_THAT(all_formats(), HasSubstr(std::string(to_string(format))));
  }
  EXPECT_FALSE(parse_format("yaml"));
}

TEST(Format, QuietLeavesOutWhatIsGoodForPeopleOnly) {
  const std::vector<TargetReport> reports = {report({answered(ocsp::Good{})}), unreadable()};
  const Settings quiet{.view = kPlain, .only_bad = true};
  for (const Format format : {Format::kText, Format::kTable}) {
    EXPECT_THAT(format_reports(format, reports, quiet), Not(HasSubstr("leaf.pem")));
    EXPECT_EQ(format_reports(format, {reports[0]}, quiet), "");
  }
  EXPECT_THAT(format_reports(Format::kJson, reports, quiet), HasSubstr("leaf.pem"));
}

}  // namespace
}  // namespace muster::report
