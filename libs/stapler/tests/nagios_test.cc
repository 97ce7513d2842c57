#include "muster/stapler/nagios.h"

#include <gmock/gmock.h>

#include "muster/testing/fake_clock.h"

namespace muster::stapler {
namespace {

using keeper::CertificateState;
using ::testing::HasSubstr;
using testing::kTestNow;
using ::testing::StartsWith;

StatusReport sample() {
  StatusReport report;
  report.written = kTestNow - Seconds(3);
  keeper::CertificateStatus web;
  web.name = "web";
  web.state = CertificateState::kFresh;
  web.staple = keeper::StapleFacts{keeper::StapleStatus::kGood, kTestNow, kTestNow + Seconds(500)};
  web.not_after = kTestNow + Seconds(86400);
  keeper::CertificateStatus plain;
  plain.name = "plain";
  plain.state = CertificateState::kNotNeeded;
  plain.not_after = kTestNow + Seconds(86400);
  report.certificates = {web, plain};
  TargetStatus target;
  target.target = "edge";
  target.certificate = "web";
  report.targets = {target};
  return report;
}

TEST(Nagios, AllIsWell) {
  const NagiosResult told = render_nagios(sample(), kTestNow);
  EXPECT_EQ(told.exit_code, 0);
  EXPECT_EQ(told.text,
            "STAPLER OK - 1 of 1 covered|covered=1;;1:;0;1 least_left=500s pinned=0 paused=0 "
            "age=3s;;120\n");
}

TEST(Nagios, WhatIsWrongIsToldByHowBadItIs) {
  struct Row {
    void (*spoil)(StatusReport&);
    int exit_code;
    const char* text;
  };
  const Row rows[] = {
      {[](StatusReport& r) { r.certificates[0].state = CertificateState::kDue; }, 0, "OK"},
      {[](StatusReport& r) { r.certificates[0].state = CertificateState::kLate; }, 1, "web: late"},
      {[](StatusReport& r) { r.certificates[0].state = CertificateState::kMissing; }, 1, "missing"},
      {[](StatusReport& r) {
         r.certificates[0].state = CertificateState::kMissing;
         r.certificates[0].must_staple = true;
       },
       2, "missing"},
      {[](StatusReport& r) { r.certificates[0].state = CertificateState::kCritical; }, 2, "web"},
      {[](StatusReport& r) { r.certificates[0].state = CertificateState::kExpired; }, 2, "web"},
      {[](StatusReport& r) { r.certificates[0].state = CertificateState::kRevoked; }, 2, "web"},
      {[](StatusReport& r) {
         r.certificates[0].state = CertificateState::kRevoked;
         r.certificates[0].below = 12;
       },
       2, "a CA above 12 certificates"},
      {[](StatusReport& r) { r.certificates[0].paused = true; }, 1, "paused"},
      {[](StatusReport& r) { r.all_paused = true; }, 1, "all questions are paused"},
      {[](StatusReport& r) { r.targets[0].severity = Severity::kWarning; }, 1, "target edge"},
      {[](StatusReport& r) {
         r.targets[0].severity = Severity::kCritical;
         r.targets[0].reason = "serves an expired one";
       },
       2, "serves an expired one"},
      {[](StatusReport& r) { r.targets[0].severity = Severity::kWaiting; }, 0, "OK"},
      {[](StatusReport& r) { r.disk_error = "disk full"; }, 1, "disk full"},
      {[](StatusReport& r) { r.hook_error = "exit 3"; }, 1, "exit 3"},
      {[](StatusReport& r) { r.problems = {"x.pem"}; }, 1, "x.pem"},
      {[](StatusReport& r) { r.target_errors = {"y.ocsp"}; }, 1, "y.ocsp"},
      {[](StatusReport& r) { r.clock_suspect = Seconds(-300); }, 1, "clock"},
      {[](StatusReport& r) { r.written = kTestNow - Seconds(121); }, 2, "stopped or hangs"},
      {[](StatusReport& r) {
         r.started = kTestNow - Seconds(90'000);
         r.certificates[0].last_attempt = kTestNow - Seconds(80'000);
       },
       2, "nobody asks"},
  };
  for (const auto& [spoil, exit_code, text] : rows) {
    StatusReport report = sample();
    spoil(report);
    const NagiosResult told = render_nagios(report, kTestNow);
    EXPECT_EQ(told.exit_code, exit_code) << told.text;
    EXPECT_THAT(told.text, HasSubstr(text));
  }
}

TEST(Nagios, TheWorstComesFirstAndNothingBreaksTheLine) {
  StatusReport report = sample();
  report.problems = {"odd|file\nname"};
  report.certificates[0].state = CertificateState::kExpired;
  const NagiosResult told = render_nagios(report, kTestNow);
  EXPECT_EQ(told.exit_code, 2);
  EXPECT_THAT(told.text, StartsWith("STAPLER CRITICAL - 0 of 1 covered; web: expired"));
  const std::string line = told.text.substr(0, told.text.find('\n'));
  EXPECT_EQ(std::count(line.begin(), line.end(), '|'), 1);
  EXPECT_EQ(told.text.find("odd|file"), std::string::npos);
  EXPECT_EQ(nagios_unknown("no file|x").exit_code, 3);
}

}  // namespace
}  // namespace muster::stapler
