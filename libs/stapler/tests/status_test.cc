#include "muster/stapler/status.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "muster/base/text.h"
#include "muster/stapler/metrics.h"
#include "muster/testing/fake_clock.h"

namespace muster::stapler {
namespace {

using keeper::CertificateState;
using keeper::CertificateStatus;
using testing::kTestNow;

StatusReport sample() {
  StatusReport report;
  report.written = kTestNow;
  report.pid = 42;
  CertificateStatus good;
  good.name = "web";
  good.certificate[0] = 0xab;
  good.subject = "CN=web";
  good.state = CertificateState::kFresh;
  good.must_staple = true;
  good.staple = keeper::StapleFacts{keeper::StapleStatus::kGood, kTestNow - Seconds(10),
                                    kTestNow + Seconds(990)};
  good.source = "http://a/";
  good.obtained = good.last_attempt = good.last_success = kTestNow - Seconds(10);
  good.next_due = kTestNow + Seconds(290);
  good.attempts = 3;
  good.not_after = kTestNow + Seconds(86400);
  CertificateStatus plain;
  plain.name = "plain";
  plain.state = CertificateState::kNotNeeded;
  plain.reason = "it names no OCSP responder";
  plain.not_after = kTestNow + Seconds(86400);
  report.certificates = {good, plain};
  TargetStatus target;
  target.target = "edge";
  target.kind = "nginx";
  target.certificate = "web";
  target.delivery = Delivery::kDelivered;
  target.wanted_generation = target.pushed_generation = target.observed_generation = 2;
  target.pushed_at = kTestNow - Seconds(5);
  target.pushed_expires = kTestNow + Seconds(990);
  target.ports = {{"127.0.0.1:443", ReadBack::kServed, "", kTestNow}};
  report.targets = {target};
  return report;
}

TEST(Status, IsWrittenAsTheJsonLibraryWouldWriteIt) {
  StatusReport report = sample();
  CertificateStatus odd = report.certificates.at(0);
  odd.name = "a \"quoted\" C:\\name\twith \x01 and \xff";
  odd.last_failure = keeper::FailureClass::kUnreachable;
  odd.last_error = "nobody \"listens\"\n";
  odd.pin = keeper::Pin{*odd.staple, kTestNow + Seconds(500)};
  odd.paused = true;
  report.kept = {odd, odd};
  const std::string text = encode_status(report);
  EXPECT_EQ(nlohmann::ordered_json::parse(text).dump(1) + '\n', text);
  const auto parsed = parse_status(text);
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(parsed->kept.at(1).name, printable(odd.name));
  EXPECT_EQ(parsed->kept.at(1).last_error, printable(odd.last_error));
}

// req: OCSP-STAP-020
TEST(Status, SurvivesItsJson) {
  const auto parsed = parse_status(encode_status(sample()));
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(encode_status(*parsed), encode_status(sample()));
  EXPECT_EQ(parsed->certificates.at(0).staple, sample().certificates[0].staple);
  EXPECT_EQ(parsed->pid, 42);
}

// It is written down piece by piece: 100,000 certificates at once are too many.
TEST(Status, IsLaidOutAsTheJsonLibraryWould) {
  StatusReport report = sample();
  report.certificates[0].name = "\"a\" \"quoted\" \\ n\xc3\xa4me\\";
  report.certificates[0].last_failure = keeper::FailureClass::kNotYetValid;
  report.certificates[0].pin = keeper::Pin{*report.certificates[0].staple, kTestNow + Seconds(500)};
  report.kept = {report.certificates[1], report.certificates[0]};
  report.problems = {"x.pem: no certificate"};
  report.clock_suspect = Seconds(7);
  for (const StatusReport& one : {report, sample(), StatusReport()}) {
    const std::string text = encode_status(one);
    const auto json = nlohmann::ordered_json::parse(text, nullptr, false);
    ASSERT_FALSE(json.is_discarded()) << text;
    EXPECT_EQ(json.dump(1) + '\n', text);
  }
  const auto parsed = parse_status(encode_status(report));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->certificates.at(0).name, report.certificates[0].name);
  ASSERT_TRUE(parsed->certificates.at(0).pin);
  EXPECT_EQ(parsed->certificates[0].pin->until, kTestNow + Seconds(500));
  EXPECT_EQ(parsed->kept.size(), 2U);
}

TEST(Status, APlanThatStandsStillIsNoticedFromWhatWasDone) {
  StatusReport report = sample();
  report.started = kTestNow - Seconds(3600);
  EXPECT_EQ(status_exit_code(report, kTestNow), 0);
  // Reports come in time, the staple is fresh (it came by another way), the plan claims to be about
  // to ask, and nobody does.
  const UnixSeconds later = kTestNow + Seconds(470);
  report.written = later;
  report.certificates[0].next_due = later + Seconds(1);
  report.certificates[0].last_attempt = kTestNow - Seconds(700);
  const auto parsed = parse_status(encode_status(report));
  ASSERT_TRUE(parsed);
  const StatusReport judged = judged_at(*parsed, later);
  EXPECT_EQ(judged.certificates[0].state, CertificateState::kFresh);
  EXPECT_THAT(find_neglected(judged, later), ::testing::ElementsAre("web"));
  EXPECT_THAT(render_status(judged, later), ::testing::HasSubstr("the plan stands still"));
  EXPECT_EQ(status_exit_code(judged, later), 1);
  report.certificates[0].last_attempt = later - Seconds(60);
  EXPECT_TRUE(find_neglected(report, later).empty());
  EXPECT_EQ(status_exit_code(judged_at(report, later), later), 0);
  // What was listed a moment ago has not been forgotten, however long the stapler has run.
  report.certificates[0].last_attempt = kTestNow - Seconds(700);
  report.certificates[0].listed = later - Seconds(60);
  const auto listed = parse_status(encode_status(report));
  ASSERT_TRUE(listed);
  EXPECT_TRUE(find_neglected(*listed, later).empty());
}

TEST(Status, ASuspectClockIsToldAndNotFine) {
  StatusReport report = sample();
  report.clock_suspect = Seconds(-7200);
  report.certificates[0].last_failure = keeper::FailureClass::kNotYetValid;
  const auto parsed = parse_status(encode_status(report));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->clock_suspect, Seconds(-7200));
  EXPECT_EQ(parsed->certificates[0].last_failure, keeper::FailureClass::kNotYetValid);
  EXPECT_EQ(status_exit_code(*parsed, kTestNow), 1);
  EXPECT_THAT(render_status(*parsed, kTestNow), ::testing::HasSubstr("seems to be ahead by 2h"));
}

TEST(Status, MetricsTellStatesAsLabels) {
  StatusReport report = sample();
  const std::string text = render_metrics(report, kTestNow);
  for (const char* line :
       {"muster_stapler_certificate_state{certificate=\"web\",state=\"fresh\"} 1\n",
        "muster_stapler_target_severity{target=\"edge\",certificate=\"web\",severity=\"ok\"} 1\n",
        "muster_stapler_target_served{target=\"edge\",certificate=\"web\",address=\"127.0.0.1:"
        "443\","
        "state=\"served\"} 1\n",
        "muster_stapler_target_observed_generation{target=\"edge\",certificate=\"web\"} 2\n"}) {
    EXPECT_THAT(text, ::testing::HasSubstr(line));
  }
  EXPECT_THAT(
      text, ::testing::Not(::testing::HasSubstr("expiry_timestamp_seconds{certificate=\"plain\"")));
  report.targets[0].ports.clear();
  EXPECT_THAT(render_metrics(report, kTestNow),
              ::testing::Not(::testing::HasSubstr("muster_stapler_target_observed_generation{")))
      << "nobody looked is not zero";
}

TEST(Status, WhatIsNotHandedOverIsNotFine) {
  for (const auto spoil : {+[](StatusReport& r) { r.disk_error = "full"; },
                           +[](StatusReport& r) { r.target_errors = {"x"}; },
                           +[](StatusReport& r) { r.hook_error = "x"; },
                           +[](StatusReport& r) { r.targets[0].severity = Severity::kWarning; }}) {
    StatusReport report = sample();
    spoil(report);
    const auto parsed = parse_status(encode_status(report));
    ASSERT_TRUE(parsed);
    EXPECT_FALSE(is_handed_over(*parsed));
    EXPECT_EQ(status_exit_code(*parsed, kTestNow), 1);
  }
  EXPECT_TRUE(is_handed_over(sample()));
}

// req: OCSP-STAP-020
TEST(Status, AStoppedStaplerDoesNotLookFresh) {
  const StatusReport report = sample();
  EXPECT_EQ(status_exit_code(judged_at(report, kTestNow), kTestNow), 0);
  const UnixSeconds late = kTestNow + Seconds(700);
  EXPECT_EQ(judged_at(report, late).certificates[0].state, CertificateState::kLate);
  EXPECT_EQ(status_exit_code(judged_at(report, late), late), 1);
  const UnixSeconds gone = kTestNow + Seconds(990);
  EXPECT_EQ(judged_at(report, gone).certificates[0].state, CertificateState::kExpired);
  EXPECT_EQ(judged_at(report, gone).certificates[1].state, CertificateState::kNotNeeded);
  EXPECT_THAT(render_status(judged_at(report, gone), gone),
              ::testing::HasSubstr("stopped or hangs"));
}

TEST(Status, AStoppedStaplersTargetsAreJudgedByTheTimeTheyAreLookedAt) {
  StatusReport report = sample();
  report.targets[0].kind = "nginx";
  report.targets[0].delivery = Delivery::kDelivered;
  report.targets[0].pushed_expires = kTestNow + Seconds(600);
  EXPECT_EQ(judged_at(report, kTestNow).targets[0].severity, Severity::kOk);
  const StatusReport late = judged_at(report, kTestNow + Seconds(3600));
  EXPECT_EQ(late.targets[0].severity, Severity::kCritical) << "nobody withdraws it";
  EXPECT_THAT(render_metrics(late, kTestNow + Seconds(3600)),
              ::testing::HasSubstr("severity=\"critical\"} 1"));
  report.targets[0].pushed_expires.reset();
  report.targets[0].must_staple = true;
  report.targets[0].ports = {{"a", ReadBack::kNone}};
  const auto parsed = parse_status(encode_status(report));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(judged_at(*parsed, kTestNow + Seconds(3600)).targets[0].severity, Severity::kCritical)
      << "the certificate wants one";
  report.targets[0].kind = "of a later version";
  report.targets[0].severity = Severity::kWarning;
  EXPECT_EQ(judged_at(report, kTestNow).targets[0].severity, Severity::kWarning);
}

TEST(Status, TheTableNamesStatesAndReasons) {
  StatusReport report = sample();
  report.certificates[0].last_error = "cannot connect";
  report.disk_error = "disk full";
  report.problems = {"x.pem: no certificate"};
  report.target_errors = {"/out/web.ocsp: No space left on device"};
  report.hook_error = "/bin/reload: failed with exit code 3";
  const std::string table = render_status(report, kTestNow);
  for (const char* expected : {"web", "fresh (must)", "good", "16m 30s", "4m 50s", "cannot connect",
                               "not-needed", "it names no OCSP responder", "disk: disk full",
                               "problem: x.pem", "target: /out/web.ocsp", "hook: /bin/reload"}) {
    EXPECT_THAT(table, ::testing::HasSubstr(expected));
  }
  EXPECT_EQ(status_exit_code(report, kTestNow), 1);
}

// req: OCSP-STAP-013
TEST(Status, AnIntermediateIsToldWithHowManyChainsItStandsIn) {
  StatusReport report = sample();
  EXPECT_THAT(render_metrics(report, kTestNow),
              ::testing::Not(::testing::HasSubstr("muster_stapler_certificates_below{")));
  report.certificates[0].must_staple = false;
  report.certificates[0].below = 12;
  const auto parsed = parse_status(encode_status(report));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->certificates.at(0).below, 12U);
  EXPECT_EQ(parsed->certificates.at(1).below, 0U);
  EXPECT_THAT(render_status(*parsed, kTestNow), ::testing::HasSubstr("fresh (ca)"));
  EXPECT_THAT(render_metrics(*parsed, kTestNow),
              ::testing::HasSubstr("muster_stapler_certificates_below{certificate=\"web\"} 12\n"));
}

TEST(Status, RubbishIsRefusedAndOddFieldsDoNoHarm) {
  for (const char* bad : {"", "[]", "null", "{}", "{\"format\":\"other\"}",
                          "{\"format\":\"muster-stapler-status 1\"}"}) {
    EXPECT_FALSE(parse_status(bad)) << bad;
  }
  const auto odd = parse_status(
      R"({"format":"muster-stapler-status 1","written":"2026-11-24T10:00:00Z","pid":"x",
      "certificates":[7,{"name":5,"staple":{"this_update":1},"certificate":"zz","attempts":-1}],"problems":[1]})");
  ASSERT_TRUE(odd);
  ASSERT_EQ(odd->certificates.size(), 1U);
  EXPECT_FALSE(odd->certificates[0].staple);
  EXPECT_EQ(odd->certificates[0].state, CertificateState::kMissing);
}

TEST(Status, HostileTextCannotBreakTheReport) {
  StatusReport report = sample();
  report.certificates[0].last_error = std::string("\xff\xfe\x1b[2J\n", 7);
  const auto parsed = parse_status(encode_status(report));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->certificates[0].last_error.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace muster::stapler
