#include "muster/push/api.h"

#include <thread>

#include "push_fixture.h"

namespace muster::push {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// req: OCSP-RESP-061 OCSP-RESP-085
TEST(Api, IssuesRevokesHoldsAndForgets) {
  World world;
  Pushed reply = world.post("issue", R"({"serial":"4A19","expires":"2027-01-01T00:00:00Z"})");
  EXPECT_EQ(reply.status, 200U);
  EXPECT_EQ(reply.result(), "changed");
  EXPECT_EQ(world.record("4A19")->expires, parse_iso8601("2027-01-01"));
  const std::uint64_t first = reply.json["sequence"];
  EXPECT_EQ(world.post("hold", R"({"serial":"4A19"})").state(), "hold");
  EXPECT_EQ(world.post("unhold", R"({"serial":"4A19"})").state(), "good");
  reply =
      world.post("revoke", R"({"serial":"4A19","reason":"keyCompromise","at":"2026-11-20T00:00:00Z",
                                   "compromise_date":"2026-11-19T00:00:00Z"})");
  EXPECT_EQ(
      reply.json["certificate"].dump(),
      R"({"at":"2026-11-20T00:00:00Z","expires":"2027-01-01T00:00:00Z","invalidity_date":"2026-11-19T00:00:00Z",)"
      R"("reason":"keyCompromise","serial":"4A19","state":"revoked"})");
  EXPECT_EQ(reply.json["sequence"], first + 3);
  EXPECT_EQ(world.record("4A19")->invalidity_date, parse_iso8601("2026-11-19"));
  EXPECT_EQ(world.post("issue", R"({"serial":"77"})").state(), "good");
  EXPECT_EQ(world.post("forget", R"({"serial":"77"})").state(), "absent");
  EXPECT_FALSE(world.record("77"));
}

TEST(Api, TheSameRequestAgainHasTheSameResult) {
  World world;
  const char* body = R"({"serial":"4A19","reason":"superseded"})";
  const Pushed first = world.post("revoke", body);
  const Pushed again = world.post("revoke", body, kTestNow + Seconds(60));
  EXPECT_EQ(again.status, 200U);
  EXPECT_EQ(again.result(), "unchanged");
  EXPECT_EQ(again.json["certificate"], first.json["certificate"]);
  EXPECT_EQ(again.json["sequence"], first.json["sequence"]);
}

// req: OCSP-CRL-051
TEST(Api, AConflictTellsTheFactsAndChangesNothing) {
  World world;
  world.post("revoke", R"({"serial":"4A19","reason":"superseded"})");
  for (const char* verb : {"issue", "unhold", "hold", "forget"}) {
    const Pushed reply = world.post(verb, R"({"serial":"4A19"})");
    EXPECT_EQ(reply.status, 409U) << verb;
    EXPECT_EQ(reply.error(), "conflict") << verb;
    EXPECT_EQ(reply.json["certificate"]["reason"], "superseded") << verb;
    EXPECT_EQ(world.record("4A19")->state, store::State::kRevoked) << verb;
  }
  EXPECT_EQ(world.post("unhold", R"({"serial":"99"})").status, 404U);
  EXPECT_EQ(world.api->stats().conflicts, 5U);
}

/// The whole way from revoked to good, tried by a client that may do everything.
// req: OCSP-CRL-051
TEST(Api, AnExpiryOutOfTheAirUndoesNoRevocation) {
  World world;
  ASSERT_EQ(world.post("revoke", R"({"serial":"4A19"})").state(), "revoked");
  EXPECT_EQ(world.post("revoke", R"({"serial":"4A19","expires":"2000-01-01T00:00:00Z"})").status,
            409U);
  EXPECT_EQ(
      world.post("revoke", R"({"serial":"4A19","expires":"2000-01-01T00:00:00Z","amend":true})")
          .status,
      409U);
  EXPECT_EQ(world.post("forget", R"({"serial":"4A19"})").status, 409U);
  EXPECT_EQ(world.post("issue", R"({"serial":"4A19"})").status, 409U);
  EXPECT_EQ(world.record("4A19")->state, store::State::kRevoked);
  EXPECT_FALSE(world.record("4A19")->expires);
  world.post("revoke",
             nlohmann::json{{"serial", standard_pki().leaf.certificate.serial().to_hex()}}.dump());
  EXPECT_EQ(world
                .post("revoke",
                      nlohmann::json{{"certificate", standard_pki().leaf.certificate_pem()}}.dump())
                .result(),
            "changed");
  EXPECT_EQ(world.record(standard_pki().leaf.certificate.serial().to_hex())->expires,
            standard_pki().leaf.certificate.not_after());
}

// req: OCSP-CRL-013
TEST(Api, KeepsAnExpiredRevocationAsLongAsItsLimitSays) {
  Limits limits;
  limits.keep_revoked = Seconds(1000);
  World world(limits);
  const std::string body = R"({"serial":"4A19"})";
  world.post("revoke",
             R"({"serial":"4A19","expires":")" + format_iso8601(kTestNow + Seconds(10)) + "\"}");
  EXPECT_EQ(world.post("forget", body, kTestNow + Seconds(1010)).status, 409U);
  EXPECT_TRUE(world.record("4A19"));
  EXPECT_EQ(world.post("forget", body, kTestNow + Seconds(1011)).state(), "absent");
}

// req: OCSP-CRL-042
TEST(Api, TakesNoHoldWhereNoCrlCouldSayIt) {
  World world;
  const std::vector<Issuer> issuers{
      {"ca one", world.issuer, {standard_pki().intermediate.certificate}, Holds::kForbidden}};
  world.api = std::make_unique<Api>(*world.store, issuers);
  const Pushed refused = world.post("hold", R"({"serial":"4A19"})");
  EXPECT_EQ(refused.status, 409U);
  EXPECT_EQ(refused.error(), "hold_forbidden");
  EXPECT_THAT(refused.detail(), HasSubstr("revoke the certificate"));
  EXPECT_FALSE(world.record("4A19"));
  EXPECT_EQ(world.post("revoke", R"({"serial":"4A19"})").state(), "revoked");
}

TEST(Api, TakesSerialAndExpiryFromACertificate) {
  World world;
  const pki::Certificate& leaf = standard_pki().leaf.certificate;
  const std::string pem = standard_pki().leaf.certificate_pem();
  const std::string hex = leaf.serial().to_hex();
  EXPECT_EQ(
      world.send("POST", "/v1/issuers/ca%20one/issue", as_text(leaf.der()), "application/pkix-cert")
          .result(),
      "changed");
  EXPECT_EQ(world.record(hex)->expires, leaf.not_after());
  EXPECT_EQ(
      world.send("POST", "/v1/issuers/ca%20one/issue", pem, "application/x-pem-file").result(),
      "unchanged");
  EXPECT_EQ(world.post("revoke", nlohmann::json{{"certificate", pem}}.dump()).state(), "revoked");
  const Pushed wrong =
      world.post("revoke", nlohmann::json{{"certificate", pem}, {"serial", "01"}}.dump());
  EXPECT_THAT(wrong.detail(), HasSubstr(hex));
  const Pushed foreign = world.post(
      "issue",
      nlohmann::json{{"certificate", standard_pki().intermediate.certificate_pem()}}.dump());
  EXPECT_EQ(foreign.status, 400U);
  EXPECT_THAT(foreign.detail(), HasSubstr("was not signed by issuer 'ca one'"));
}

struct Refused {
  const char* body;
  const char* why;
};
TEST(Api, SaysWhatIsWrongWithARequest) {
  World world;
  for (
      const auto& [body, why] : {
          Refused{"", "not a JSON object"},
          Refused{"[]", "not a JSON object"},
          Refused{"{\"serial\":", "not a JSON object"},
          Refused{R"({"serial":"4A19"} x)", "not a JSON object"},
          Refused{R"({})", "serial"},
          Refused{R"({"serial":4919})", "must be a text"},
          Refused{R"({"serial":"xyz"})", "hexadecimal"},
          Refused{R"({"serial":"1","serial":"2"})", "twice"},
          Refused{R"({"serial":"1","reasn":"superseded"})", "did you mean 'reason'"},
          Refused{R"({"serial":"1","reason":{"a":[]}})", "nested"},
          Refused{R"({"serial":"1","reason":"angry"})", "keyCompromise"},
          Refused{R"({"serial":"1","reason":"certificateHold"})", "operation hold"},
          Refused{R"({"serial":"1","reason":"removeFromCRL"})", "is none"},
          Refused{R"({"serial":"1","at":"tomorrow"})", "no time"},
          Refused{R"({"serial":"1","at":"2026-12-24T10:00:00Z"})", "future"},
          Refused{R"({"serial":"1","at":"1969-12-24T10:00:00Z"})", "1970"},
          Refused{R"({"serial":"1","compromise_date":"2026-01-01"})", "keyCompromise"},
          Refused{
              R"({"serial":"1","reason":"keyCompromise","compromise_date":"2026-01-01","invalidity_date":"2026-01-02"})",
              "differ"},
          Refused{R"({"serial":"1","amend":"yes"})", "true or false"},
          Refused{R"({"serial":"1","op":"issue"})", "as in the URL"},
          Refused{R"({"certificate":"-----BEGIN"})", "certificate"},
      }) {
    const Pushed reply = world.post("revoke", body);
    EXPECT_EQ(reply.status, 400U) << body;
    EXPECT_EQ(reply.error(), "bad_request") << body;
    EXPECT_THAT(reply.detail(), HasSubstr(why)) << body;
  }
  EXPECT_THAT(world.post("issue", R"({"serial":"1","reason":"superseded"})").detail(),
              HasSubstr("makes no sense with issue"));
  EXPECT_THAT(world.post("unhold", R"({"serial":"1","at":"2026-01-01"})").detail(),
              HasSubstr("makes no sense with unhold"));
  const std::string deep = "{\"serial\":" + std::string(100'000, '[');
  EXPECT_EQ(world.post("revoke", deep).status, 400U);
  EXPECT_EQ(world.store->issuers().front().second.records, 0U);
  EXPECT_EQ(world.api->stats().refused, 24U);
}

TEST(Api, KnowsItsPlaces) {
  World world;
  world.post("revoke", R"({"serial":"4A19"})");
  EXPECT_EQ(world.send("GET", "/v1/issuers/ca%20one/certificates/4a19").state(), "revoked");
  EXPECT_EQ(world.send("GET", "/v1/issuers/ca%20one/certificates/77").status, 404U);
  EXPECT_EQ(world.send("GET", "/v1/issuers/ca%20one/certificates/zz").status, 400U);
  const Pushed list = world.send("GET", "/v1/issuers");
  EXPECT_EQ(list.json["issuers"][0]["issuer"], "ca one");
  EXPECT_EQ(list.json["issuers"][0]["revoked"], 1);
  for (const char* target : {"/", "/v1", "/v1/issuers/ca%20one/fire", "/v1/issuersca/issue",
                             "/v1/issuers//issue", "/v1/issuers/ca%20one/certificates/1/2",
                             "/v1/issuers/ca%2/issue", "/v1/issuers/other/issue"}) {
    EXPECT_EQ(world.send("POST", target, R"({"serial":"1"})").status, 404U) << target;
  }
  EXPECT_EQ(world.send("GET", "/v1/issuers/ca%20one/issue").status, 405U);
  EXPECT_EQ(world.send("DELETE", "/v1/issuers/ca%20one/certificates/77").status, 405U);
}

TEST(Api, AClientMayWhatItMay) {
  World world;
  world.client.may = {OperationKind::kIssue};
  EXPECT_EQ(world.post("issue", R"({"serial":"1"})").status, 200U);
  const Pushed refused = world.post("revoke", R"({"serial":"1"})");
  EXPECT_EQ(refused.status, 403U);
  EXPECT_THAT(refused.detail(), HasSubstr("may not revoke"));
  world.client.issuers = {"another"};
  EXPECT_EQ(world.post("issue", R"({"serial":"2"})").status, 404U);
  EXPECT_TRUE(world.send("GET", "/v1/issuers").json["issuers"].empty());
  EXPECT_FALSE(world.record("2"));
}

/// Another writer of the store (`muster store`, another node) revokes while requests to issue come
/// in: none of them undoes it.
// req: OCSP-CRL-051
TEST(Api, NoRaceUndoesARevocation) {
  World world;
  constexpr int kSerials = 40;
  const auto other = store::Store::open(world.dir.file("store"));
  ASSERT_TRUE(other);
  std::thread revoker([&] {
    for (int i = 0; i < kSerials; ++i) {
      store::Status revoked;
      revoked.state = store::State::kRevoked;
      revoked.revoked_at = kTestNow;
      const store::Change change{testing::make_serial(static_cast<std::uint64_t>(i)), revoked};
      ASSERT_TRUE((*other)->apply(world.issuer, {&change, 1}));
    }
  });
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < kSerials; ++i) {
      world.post("issue", R"({"serial":")" +
                              testing::make_serial(static_cast<std::uint64_t>(i)).to_hex() + "\"}");
    }
  }
  revoker.join();
  EXPECT_EQ(world.store->issuers().front().second.revoked, static_cast<std::uint64_t>(kSerials));
}

/// Whoever keeps count of what was acknowledged hears of it before the client does.
TEST(PushApi, SaysWhatIsCommittedBeforeItIsAcknowledged) {
  World world;
  std::vector<std::uint64_t> committed;
  std::uint64_t told = 0;
  Api api(
      *world.store, {{"ca one", world.issuer, {}, Holds::kAllowed}}, {}, [&] { ++told; },
      [&](std::uint64_t sequence) {
        EXPECT_EQ(world.store->reader()->renew(), sequence) << "durable by then";
        committed.push_back(sequence);
      });
  const auto post = [&](std::string_view verb, std::string_view body) {
    const std::string target = "/v1/issuers/ca%20one/" + std::string(verb);
    const Reply reply =
        api.handle(world.client, {"POST", target, "application/json", as_bytes(body)}, kTestNow);
    EXPECT_EQ(reply.status, 200U) << reply.body;
    return nlohmann::json::parse(reply.body, nullptr, false).value("sequence", std::uint64_t{0});
  };
  const std::uint64_t issued = post("issue", R"({"serial":"01"})");
  EXPECT_EQ(told, 0U) << "issuing alone is no news of a revocation";
  const std::uint64_t revoked = post("revoke", R"({"serial":"01"})");
  EXPECT_EQ(told, 1U);
  static_cast<void>(post("revoke", R"({"serial":"01"})"));
  EXPECT_EQ(committed, (std::vector{issued, revoked})) << "the last committed nothing";
}

}  // namespace
}  // namespace muster::push
