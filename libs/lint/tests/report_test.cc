#include "muster/lint/report.h"

#include <nlohmann/json.hpp>

#include "lint_world.h"
#include "muster/testing/json_schema.h"

namespace muster::lint {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr ProfileSet kPlain = set_of({Profile::kRfc6960});

ReportHead head(Level fail_on = Level::kMust) { return {kTestNow, kPlain, fail_on}; }

Report bad_report() {
  World w;
  w.is_saved = true;
  w.odd.emplace();
  w.odd->behind = {0};
  w.odd->signature = {3, 3, 4, 1, 0x20};
  w.change = [](Subject& s) { s.name = "a<b>&\"\x1b.der"; };
  return lint(w.subject(), kPlain);
}

TEST(Reports, TextCitesClauseAndRequirement) {
  const std::string text = report_text({bad_report()}, head());
  EXPECT_THAT(text, HasSubstr("nothing-behind - RFC 6960 A.2 [OCSP-RESP-033]"));
  EXPECT_THAT(text, HasSubstr("1 octets follow behind the response"));
  EXPECT_LT(text.find("  MUST"), text.find("  SHOULD"));
  EXPECT_THAT(text, AllOf(HasSubstr("should, "), HasSubstr("do not apply (rfc6960)")));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(Reports, JsonHasEveryRuleOnce) {
  const Report report = bad_report();
  const Json json = Json::parse(report_json({report}, head()));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["profiles"], Json::array({"rfc6960"}));
  EXPECT_EQ(json["fail_on"], "must");
  const Json& target = json["targets"][0];
  EXPECT_EQ(target["findings"].size() + target["holds"].size() + target["not_applicable"].size(),
            report.outcomes.size());
  EXPECT_EQ(target["must"], report.findings(Level::kMust));
  const Json& finding = target["findings"][0];
  for (const char* key : {"rule", "level", "clause", "requirement", "says", "times", "breaches"}) {
    EXPECT_TRUE(finding.contains(key)) << key;
  }
}

TEST(Reports, JsonFitsItsSchema) {
  JsonSchema schema("lint.schema.json");
  Report silent;
  silent.target = "http://127.0.0.1:1/";
  silent.problem = "nobody answers";
  Json json = Json::parse(report_json({bad_report(), silent}, head(Level::kShould)));
  EXPECT_THAT(schema.problems(json), ::testing::IsEmpty());
  EXPECT_EQ(schema.json()["properties"]["profiles"]["items"]["enum"].size(), profiles().size());
  json["targets"][0]["findings"][0]["level"] = "grave";
  json["targets"][0]["holds"][0] = "Not A Rule";
  json["targets"][1].erase("problem");
  EXPECT_THAT(schema.problems(json), ::testing::SizeIs(3));
}

TEST(Reports, JunitFailsAtTheLevelAskedFor) {
  const std::string musts = report_junit({bad_report()}, head());
  EXPECT_THAT(musts, HasSubstr("name=\"a&lt;b&gt;&amp;&quot;\\x1b.der\""));
  EXPECT_THAT(musts, HasSubstr("<failure type=\"must\""));
  EXPECT_THAT(musts, Not(HasSubstr("<failure type=\"should\"")));
  EXPECT_THAT(musts, HasSubstr("<system-out>should: "));
  EXPECT_THAT(musts, HasSubstr("<skipped "));
  EXPECT_THAT(report_junit({bad_report()}, head(Level::kShould)),
              HasSubstr("<failure type=\"should\""));
}

TEST(Reports, AProblemIsToldInEveryForm) {
  Report report;
  report.target = "http://127.0.0.1:1/";
  report.problem = "nobody answers";
  EXPECT_THAT(report_text({report}, head()), HasSubstr("nobody answers"));
  EXPECT_EQ(Json::parse(report_json({report}, head()))["targets"][0]["problem"], "nobody answers");
  EXPECT_THAT(report_junit({report}, head()), HasSubstr("<error message=\"nobody answers\"/>"));
}

TEST(Reports, TheTableOfRulesHasThemAll) {
  const std::string table = rules_markdown(kEveryProfile);
  const Json json = Json::parse(rules_json(kEveryProfile));
  EXPECT_EQ(json.size(), rules().size());
  for (const Rule& rule : rules()) {
    EXPECT_THAT(table, HasSubstr("| `" + std::string(rule.id) + "` | "));
  }
  EXPECT_LT(Json::parse(rules_json(kPlain)).size(), rules().size());
}

TEST(Reports, LongListsOfBreachesAreCut) {
  World w;
  for (int i = 0; i < 8; ++i) {
    Odd odd;
    odd.behind = Buffer(static_cast<std::size_t>(i) + 1, 0);
    w.others.push_back(make_exchange(ProbeKind::kPost, odd.encode()));
  }
  const Report report = lint(w.subject(), kPlain);
  const Outcome* const outcome = find_outcome(report, "nothing-behind");
  EXPECT_EQ(outcome->broken, 8U);
  EXPECT_EQ(outcome->breaches.size(), kMaxBreaches);
  EXPECT_THAT(report_text({report}, head()), HasSubstr("broken 8 times in all"));
}

}  // namespace
}  // namespace muster::lint
