#include "muster/push/journal.h"

#include "push_fixture.h"

// The trace that pushes leave.
namespace muster::push {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Lines final : Logger {
  void log(LogLevel level, std::string_view event, std::string_view,
           std::initializer_list<LogField> fields) override {
    std::string line = (level == LogLevel::kError ? "ERROR " : "") + std::string(event);
    for (const LogField& field : fields) {
      line += " " + std::string(field.key) + "=" + field.value;
    }
    all.push_back(std::move(line));
  }
  std::vector<std::string> all;
};

struct Traced : World {
  explicit Traced(const Limits& limits = {}) : World(limits) { api->report_to(journal); }
  [[nodiscard]] std::uint64_t count(std::string_view cause) const {
    const auto at = std::find(kCauses.begin(), kCauses.end(), cause) - kCauses.begin();
    return journal.counts().at(static_cast<std::size_t>(at));
  }
  Lines lines;
  Journal journal{lines};
};

// req: OCSP-RESP-085
TEST(Journal, TellsEachChangedRecordWhoDidItAndUnderWhichSequence) {
  Traced world;
  const Pushed reply = world.post("revoke", R"({"serial":"4A19","reason":"keyCompromise"})");
  EXPECT_THAT(world.lines.all,
              ElementsAre("push.changed client=tester issuer=ca one operation=revoke serial=4A19 "
                          "state=revoked reason=keyCompromise sequence=" +
                          std::to_string(reply.json["sequence"].get<std::uint64_t>())));
  world.post("revoke", R"({"serial":"4A19","reason":"keyCompromise"})");
  EXPECT_EQ(world.lines.all.size(), 1U) << "nothing changed";
}

TEST(Journal, RefusalsAreSampledByCause) {
  Traced world;
  for (int i = 0; i < 3; ++i) {
    world.post("revoke", "rubbish");
  }
  world.client.may.erase(OperationKind::kHold);
  world.post("hold", R"({"serial":"01"})");
  world.post("unhold", R"({"serial":"01"})");
  EXPECT_THAT(world.lines.all,
              ElementsAre(AllOf(HasSubstr("push.refused client=tester issuer=ca one"),
                                HasSubstr("cause=bad_request"), HasSubstr("more_since_last=0")),
                          AllOf(HasSubstr("cause=forbidden"), HasSubstr("may not hold")),
                          AllOf(HasSubstr("cause=not_found"), HasSubstr("01: "))));
  EXPECT_EQ(world.count("bad_request"), 3U);
  EXPECT_EQ(world.count("forbidden"), 1U);
  EXPECT_EQ(world.count("not_found"), 1U);
  world.lines.all.clear();
  world.post("revoke", "rubbish", kTestNow + Journal::kInterval);
  EXPECT_THAT(world.lines.all, ElementsAre(HasSubstr("more_since_last=2")));
  world.post("revoke", "rubbish", kTestNow - Seconds(3600));
  EXPECT_EQ(world.lines.all.size(), 2U) << "a clock put back silences nothing";
}

TEST(Journal, ForeignCertificatesAndIssuersHaveCausesOfTheirOwn) {
  Traced world;
  const nlohmann::json foreign{{"certificate", testing::to_pem({standard_pki().root.certificate})}};
  EXPECT_EQ(world.post("revoke", foreign.dump()).status, 400U);
  world.send("POST", "/v1/issuers/nobody/revoke", "{}", "application/json");
  EXPECT_EQ(world.count("foreign_certificate"), 1U);
  EXPECT_EQ(world.count("no_such_issuer"), 1U);
  EXPECT_THAT(world.lines.all.back(), HasSubstr("issuer=nobody"));
}

TEST(Journal, AFailingStoreIsAnError) {
  Traced world;
  world.journal.failed({"tester", "ca one", "revoke"}, "store_full", "no room", kTestNow);
  EXPECT_THAT(world.lines.all,
              ElementsAre(AllOf(HasSubstr("ERROR push.failed"), HasSubstr("cause=store_full"))));
}

TEST(Journal, ACauseNobodyNamedIsCountedAllTheSame) {
  Traced world;
  world.journal.refused({"tester", "", "x"}, "new_code", "why", kTestNow);
  EXPECT_EQ(world.count("other"), 1U);
}

TEST(Journal, BulkChangesAreToldOneByOneUpToALimit) {
  Traced world;
  std::string body;
  for (std::uint64_t i = 1; i <= Journal::kMostBulkLines + 2; ++i) {
    body += R"({"op":"issue","serial":")" + std::to_string(1000 + i) + "\"}\n";
  }
  body += R"({"op":"revoke","serial":"77"})";
  {
    auto bulk = world.api->begin_bulk(world.client, "/v1/issuers/ca%20one/bulk", kTestNow);
    ASSERT_TRUE(bulk);
    static_cast<void>((*bulk)->feed(as_bytes(body), kTestNow));
    static_cast<void>((*bulk)->finish(kTestNow));
  }
  ASSERT_EQ(world.lines.all.size(), Journal::kMostBulkLines + 1);
  EXPECT_THAT(world.lines.all.back(),
              AllOf(HasSubstr("push.bulk client=tester issuer=ca one"),
                    HasSubstr("not_told_singly=issue 2, revoke 1"), HasSubstr("sequence=")));
}

TEST(Journal, AnAtomicRequestThatDoesNothingTellsNoChange) {
  Traced world;
  auto bulk =
      world.api->begin_bulk(world.client, "/v1/issuers/ca%20one/bulk?atomic=true", kTestNow);
  ASSERT_TRUE(bulk);
  static_cast<void>((*bulk)->feed(
      as_bytes("{\"op\":\"issue\",\"serial\":\"AA\"}\n{\"op\":\"unhold\",\"serial\":\"BB\"}\n"),
      kTestNow));
  EXPECT_EQ((*bulk)->finish(kTestNow).status, 409U);
  EXPECT_THAT(world.lines.all, ElementsAre(HasSubstr("cause=not_found")));
}

TEST(Journal, ACertificateAloneIsForIssueOnly) {
  Traced world;
  const Pushed reply =
      world.send("POST", "/v1/issuers/ca%20one/revoke", "x", "application/pkix-cert");
  EXPECT_EQ(reply.status, 400U);
  EXPECT_THAT(reply.detail(), HasSubstr("for issue alone"));
}

}  // namespace
}  // namespace muster::push
