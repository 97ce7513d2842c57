#include "muster/lint/rules.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>

#include "advice_tables.h"
#include "lint_world.h"

namespace muster::lint {
namespace {

using ::testing::Contains;
using ::testing::MatchesRegex;

// Every rule is shown to hold and to break (the tables of the other files do the showing).
TEST(Rules, EachHasATestOnEachSide) {
  std::set<std::string> tested;
  for (const auto& rows : {encoding_rows(), response_rows(), signer_rows(), http_rows(),
                           responder_rows(), crl_rows()}) {
    for (const Row& row : rows) {
      EXPECT_TRUE(tested.insert(row.rule).second) << row.rule << " has two rows";
    }
  }
  std::set<std::string> known;
  for (const Rule& rule : rules()) {
    EXPECT_TRUE(known.insert(std::string(rule.id)).second) << rule.id << " is there twice";
  }
  EXPECT_EQ(tested, known);
  EXPECT_GE(known.size(), 60U);
}

TEST(Rules, EachSaysWhatByWhomAndWhere) {
  for (const Rule& rule : rules()) {
    SCOPED_TRACE(rule.id);
    EXPECT_THAT(std::string(rule.id), MatchesRegex("[a-z0-9]+(-[a-z0-9]+)*"));
    EXPECT_FALSE(rule.clause.empty());
    EXPECT_THAT(std::string(rule.requirement),
                MatchesRegex("OCSP-(COD|RESP|CLI|STAP|TLS|CRL|OPS)-[0-9]+"));
    EXPECT_TRUE(rule.says.ends_with('.'));
    EXPECT_LE(rule.says.size(), 120U);
    EXPECT_NE(rule.profiles & kEveryProfile, 0);
    EXPECT_EQ(rule.profiles & ~kEveryProfile, 0);
    EXPECT_EQ(find_rule(rule.id), &rule);
    EXPECT_NE(rule.check, nullptr);
  }
  EXPECT_EQ(find_rule("no-such-rule"), nullptr);
}

TEST(Rules, EachHasAdvice) {
  std::set<std::string_view> advised;
  for (const auto part : {response_advice(), other_advice()}) {
    for (const Advice& advice : part) {
      SCOPED_TRACE(advice.rule);
      EXPECT_TRUE(advised.insert(advice.rule).second) << "is there twice";
      EXPECT_NE(find_rule(advice.rule), nullptr);
      for (const std::string_view text : {advice.why, advice.fix}) {
        EXPECT_TRUE(text.ends_with('.'));
        EXPECT_GE(text.size(), 10U);
        EXPECT_LE(text.size(), 160U);
      }
    }
  }
  for (const Rule& rule : rules()) {
    EXPECT_TRUE(advised.contains(rule.id)) << rule.id << " has none";
    EXPECT_EQ(advice_of(rule).rule, rule.id);
  }
}

TEST(Rules, EachRequirementIsInTheTable) {
  const char* const path = std::getenv("MUSTER_REQUIREMENTS");
  const char* const source = std::getenv("MUSTER_SOURCE_DIR");
  std::ifstream in(path != nullptr
                       ? std::string(path)
                       : std::string(source != nullptr ? source : ".") +
                             "/../shared/requirements/requirements.csv");  // as ./run has it
  if (!in) {
    GTEST_SKIP() << "the table of requirements is not here (MUSTER_REQUIREMENTS)";
  }
  const std::string table((std::istreambuf_iterator<char>(in)), {});
  for (const Rule& rule : rules()) {
    EXPECT_NE(table.find("\n" + std::string(rule.requirement) + ","), std::string::npos)
        << rule.id << " names " << rule.requirement;
  }
}

TEST(Rules, ProfilesHaveNamesAndAreFound) {
  unsigned all = 0;
  for (const ProfileRow& row : profiles()) {
    EXPECT_EQ(find_profile(row.name), row.profile);
    all |= set_of({row.profile});
    // Each binds rules of its own beside those of everybody, but for the plainest one.
    const auto list = rules();
    EXPECT_TRUE(row.profile == Profile::kRfc6960 ||
                std::any_of(list.begin(), list.end(),
                            [&](const Rule& rule) {
                              return (rule.profiles & set_of({row.profile})) != 0 &&
                                     (rule.profiles & set_of({Profile::kRfc6960})) == 0;
                            }))
        << row.name;
  }
  EXPECT_EQ(all, kEveryProfile);
  EXPECT_EQ(find_profile("web"), std::nullopt);
}

// A responder without fault has no finding of any weight under the profiles that go together.
TEST(Rules, AGoodResponderIsLeftInPeace) {
  World w;
  w.with_responder = true;
  const auto profiles = static_cast<ProfileSet>(
      kWebProfiles | set_of({Profile::kRfc6960, Profile::kRfc9919, Profile::kCabfCs,
                             Profile::kCabfSmime, Profile::kOcpp}));
  const Report report = lint(w.subject(), profiles);
  for (const Outcome& outcome : report.outcomes) {
    EXPECT_NE(to_string(outcome.state), "broken")
        << outcome.rule->id << ": " << (outcome.breaches.empty() ? "" : outcome.breaches[0].detail);
  }
  EXPECT_GT(report.count(Ruling::State::kHolds), 80U);
}

TEST(Rules, OnlyThoseOfTheProfilesAreAsked) {
  World w;
  const Report report = lint(w.subject(), set_of({Profile::kRfc6960}));
  EXPECT_NE(find_outcome(report, "well-formed"), nullptr);
  EXPECT_EQ(find_outcome(report, "web-no-hold"), nullptr);
  EXPECT_EQ(find_outcome(report, "federal-no-nonce"), nullptr);
}

TEST(Rules, WithoutAnIssuerNothingIsSaidOfTheSigner) {
  World w;
  w.response.break_signature = true;
  w.change = [](Subject& s) {
    s.issuer.reset();
    s.certificate.reset();
  };
  const Report report = lint(w.subject(), kEveryProfile);
  EXPECT_EQ(to_string(find_outcome(report, "signature-holds")->state), "not-applicable");
  EXPECT_EQ(to_string(find_outcome(report, "certificate-answered")->state), "not-applicable");
  EXPECT_EQ(to_string(find_outcome(report, "not-expired")->state), "holds");
  EXPECT_EQ(to_string(find_outcome(report, "web-delegate-purpose")->state), "holds");
}

}  // namespace
}  // namespace muster::lint
