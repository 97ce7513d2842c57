#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "muster/report/junit.h"
#include "muster/report/sarif.h"
#include "report_fixture.h"
#include "xml_reader.h"

namespace muster::report {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Junit, IsWrittenAsEver) {
  EXPECT_EQ(format_junit({unreadable()}, FailOn::kWarning, kTestNow),
            R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="muster check" tests="1" failures="0" errors="1" skipped="0" time="0.000">
  <testsuite name="muster check" tests="1" failures="0" errors="1" skipped="0" time="0.000" timestamp="2026-11-24T10:00:00">
    <testcase classname="nothing.pem" name="status" time="0.000">
      <error type="target-unreadable" message="unreadable: target-unreadable: cannot open &apos;nothing.pem&apos;">nothing.pem
           UNREADABLE  cannot open &apos;nothing.pem&apos;
</error>
    </testcase>
  </testsuite>
</testsuites>
)");
}

TEST(Junit, FailsWhatTheThresholdFails) {
  const std::vector<TargetReport> reports = all_kinds();
  const std::string strict = format_junit(reports, FailOn::kWarning, kTestNow);
  EXPECT_EQ(find_xml_fault(strict), "");
  EXPECT_THAT(strict, HasSubstr("tests=\"11\""));
  EXPECT_THAT(strict, HasSubstr("<failure type=\"revoked\" message=\"revoked: revoked at "));
  EXPECT_THAT(strict, HasSubstr("time=\"0.041\""));
  const std::string mild = format_junit(reports, FailOn::kRevoked, kTestNow);
  EXPECT_THAT(mild, HasSubstr("failures=\"1\" errors=\"1\""));
  EXPECT_THAT(mild, HasSubstr("<system-out>"));
  TargetReport skipped = report({answered(ocsp::Good{})});
  skipped.outcome = Outcome::kNotNeeded;
  EXPECT_THAT(format_junit({skipped}, FailOn::kWarning, kTestNow), HasSubstr("<skipped message="));
  EXPECT_THAT(format_junit({}, FailOn::kWarning, kTestNow), HasSubstr("tests=\"0\""));
}

// What SARIF 2.1.0 (sections 3.13, 3.14, 3.18, 3.19, 3.27, 3.49) requires of what we write.
TEST(Sarif, HasWhatTheStandardRequires) {
  const Json log = Json::parse(format_sarif(all_kinds(), "1.2.3", 1, kTestNow));
  EXPECT_EQ(log["version"], "2.1.0");
  ASSERT_EQ(log["runs"].size(), 1U);
  const Json& run = log["runs"][0];
  const Json& driver = run["tool"]["driver"];
  EXPECT_EQ(driver["name"], "muster");
  EXPECT_EQ(driver["version"], "1.2.3");
  EXPECT_EQ(run["invocations"][0]["executionSuccessful"], true);
  EXPECT_EQ(run["invocations"][0]["exitCode"], 1);
  std::set<std::string> ids;
  for (const Json& rule : driver["rules"]) {
    EXPECT_TRUE(ids.insert(rule.at("id")).second) << "rules are unique";
    EXPECT_FALSE(rule.at("shortDescription").at("text").get<std::string>().empty());
    EXPECT_THAT(rule.at("help").at("text").get<std::string>(), HasSubstr("Likely causes: "));
  }
  ASSERT_GT(run["results"].size(), 5U);
  for (const Json& result : run["results"]) {
    EXPECT_EQ(driver["rules"].at(result.at("ruleIndex").get<std::size_t>())["id"],
              result.at("ruleId"));
    EXPECT_THAT(result.at("level").get<std::string>(),
                ::testing::AnyOf("error", "warning", "note"));
    EXPECT_FALSE(result.at("message").at("text").get<std::string>().empty());
    const Json& location = result.at("locations").at(0);
    EXPECT_FALSE(location.at("physicalLocation").at("artifactLocation").at("uri").empty());
    EXPECT_EQ(location.at("logicalLocations").at(0).at("kind"), "resource");
  }
}

TEST(Sarif, TargetsAreRelativeUris) {
  struct Case {
    const char* target;
    const char* uri;
  };
  for (const Case& c : {Case{"dir/a b.pem", "dir/a%20b.pem"},
                        {"host:443", "host%3A443"},
                        {"[::1]:443", "%5B%3A%3A1%5D%3A443"},
                        {"//x/y", "/.//x/y"},
                        {"100%.pem", "100%25.pem"}}) {
    TargetReport report = unreadable();
    report.target = c.target;
    const Json log = Json::parse(format_sarif({report}, "1", 66, kTestNow));
    EXPECT_EQ(
        log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        c.uri);
  }
  EXPECT_TRUE(Json::parse(format_sarif({}, "1", 0, kTestNow))["runs"][0]["results"].is_array());
}

}  // namespace
}  // namespace muster::report
