#include "muster/report/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report_fixture.h"
#include "schema_validator.h"

namespace muster::report {
namespace {

// req: OCSP-CLI-060
TEST(ReportJson, FollowsItsSchemaForEveryKindOfEvidence) {
  Validator validator;
  const Json document = Json::parse(format_json(all_kinds(), FailOn::kWarning, kTestNow));
  EXPECT_THAT(validator.problems(document), ::testing::IsEmpty());
  EXPECT_EQ(document["schema_version"], 1);
  EXPECT_EQ(document["targets"].size(), all_kinds().size());
  EXPECT_EQ(document["verdict"], "revoked");
  EXPECT_EQ(document["exit_code"], 1);
}

TEST(ReportJson, EachLineFollowsTheSchemaToo) {
  Validator validator;
  for (const TargetReport& report : all_kinds()) {
    const std::string line = format_json_line(report, kTestNow);
    EXPECT_EQ(line.find('\n'), line.size() - 1) << "one line each";
    EXPECT_THAT(validator.problems(Json::parse(line), "line"), ::testing::IsEmpty());
  }
  Json lacking = Json::parse(format_json_line(unreadable(), kTestNow));
  lacking.erase("checked_at");
  EXPECT_EQ(validator.problems(lacking, "line").size(), 1U);
}

// Byte for byte: programs may have read it since version 1.
TEST(ReportJson, IsWrittenAsEver) {
  EXPECT_EQ(format_json({unreadable()}, FailOn::kRevoked, kTestNow), R"({
  "schema_version": 1,
  "checked_at": {
    "iso": "2026-11-24T10:00:00Z",
    "epoch": 1795514400
  },
  "verdict": "unreadable",
  "exit_code": 66,
  "targets": [
    {
      "target": "nothing.pem",
      "peer": null,
      "verdict": "unreadable",
      "exit_code": 66,
      "problem": "cannot open 'nothing.pem'",
      "certificate": null,
      "revocation_need": null,
      "must_staple": null,
      "cert_status": null,
      "evidence": [],
      "reasons": [
        {
          "code": "target-unreadable",
          "level": "error",
          "channel": null,
          "detail": "cannot open 'nothing.pem'",
          "what": "What was named is nothing that can be checked.",
          "why": "Nothing was learnt about any certificate.",
          "fix": "Name a certificate file or host[:port]; 'muster show FILE' tells what a file is."
        }
      ]
    }
  ]
}
)");
}

TEST(ReportJson, TellsTheExitCodeThatTheThresholdLeaves) {
  const std::vector<TargetReport> unknown = {report({answered(ocsp::Unknown{})})};
  EXPECT_EQ(Json::parse(format_json(unknown, FailOn::kUnknown, kTestNow))["exit_code"], 2);
  EXPECT_EQ(Json::parse(format_json(unknown, FailOn::kRevoked, kTestNow))["exit_code"], 0);
  EXPECT_EQ(Json::parse(format_json(unknown, FailOn::kRevoked, kTestNow))["verdict"], "unknown");
}

TEST(ReportJson, TheValidatorNoticesWhatIsWrong) {
  Validator validator;
  Json document = Json::parse(format_json(all_kinds(), FailOn::kWarning, kTestNow));
  document["targets"][0]["evidence"][0]["facts"]["signature"] = "perhaps";
  document["targets"][1].erase("peer");
  document["surprise"] = 1;
  EXPECT_EQ(validator.problems(document).size(), 3u);
}

// req: OCSP-CLI-060
TEST(ReportJson, KeepsFactsApartAndAbsentNull) {
  const Json targets = Json::parse(format_json(all_kinds(), FailOn::kWarning, kTestNow))["targets"];
  const Json good = targets[0]["evidence"][1];
  EXPECT_EQ(good["result"], "verified");
  EXPECT_EQ(good["facts"]["signature"], "holds");
  EXPECT_EQ(good["cert_status"]["status"], "good");
  EXPECT_EQ(good["cert_status"]["revoked_at"], nullptr);
  EXPECT_EQ(good["freshness"]["state"], "fresh");
  EXPECT_EQ(good["signer"]["authority"], "delegate");
  EXPECT_EQ(good["attempts"][0]["milliseconds"], 41);
  EXPECT_EQ(targets[1]["cert_status"]["reason"], "keyCompromise");
  EXPECT_EQ(targets[1]["cert_status"]["revoked_at"]["epoch"], to_int(kTestNow - hours(9)));
  const Json stale = targets[3]["evidence"][0];
  EXPECT_EQ(stale["code"], "response-expired");
  EXPECT_EQ(stale["cert_status"], nullptr) << "not evidence";
  EXPECT_EQ(stale["stale_claim"]["status"], "revoked");
  EXPECT_EQ(targets[3]["cert_status"], nullptr);
  EXPECT_EQ(targets[7]["evidence"][0]["crl"]["number"], nullptr);
  const Json crl = targets[10]["evidence"][0]["crl"];
  EXPECT_EQ(crl["number"], "1A");
  EXPECT_EQ(crl["with_delta"], true);
  EXPECT_EQ(crl["kept_since"]["epoch"], to_int(kTestNow - hours(2)));
  const Json absent = targets[4]["evidence"][0];
  EXPECT_EQ(absent["result"], "absent");
  EXPECT_EQ(absent["cert_status"], nullptr);
  EXPECT_EQ(targets[4]["verdict"], "undetermined");
  EXPECT_EQ(targets[6]["evidence"][0]["response_status"], "tryLater");
  EXPECT_EQ(targets[9]["problem"], "cannot open 'nothing.pem'");
  EXPECT_EQ(targets[9]["exit_code"], 66);
}

}  // namespace
}  // namespace muster::report
