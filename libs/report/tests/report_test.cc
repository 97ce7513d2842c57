#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "muster/report/json.h"
#include "muster/report/text.h"
#include "muster/testing/response_builder.h"

namespace muster::report {
namespace {

using namespace muster::testing;
using namespace client;
using Json = nlohmann::json;
using std::chrono::hours;
using ::testing::HasSubstr;
using ::testing::Not;

const TestPki& P() { return standard_pki(); }

/// The part of JSON Schema that check.schema.json uses.
class Validator {
 public:
  Validator() {
    const char* root = std::getenv("MUSTER_SOURCE_DIR");
    schema_ = Json::parse(
        read_text(std::string(root == nullptr ? "." : root) + "/docs/formats/check.schema.json"));
  }
  std::vector<std::string> problems(const Json& document) {
    problems_.clear();
    check(document, schema_, "$");
    return problems_;
  }

 private:
  bool is_type(const Json& v, const std::string& type) {
    return (type == "null" && v.is_null()) || (type == "string" && v.is_string()) ||
           (type == "object" && v.is_object()) || (type == "array" && v.is_array()) ||
           (type == "boolean" && v.is_boolean()) || (type == "integer" && v.is_number_integer()) ||
           (type == "number" && v.is_number());
  }
  void fail(const std::string& where, const std::string& what) {
    problems_.push_back(where + ": " + what);
  }

  void check(const Json& v, const Json& s, const std::string& where) {
    if (s.contains("$ref")) {
      check(v, schema_["$defs"][s["$ref"].get<std::string>().substr(8)], where);
    }
    if (s.contains("type") && !is_type(v, s["type"])) {
      fail(where, "is not of type " + s["type"].get<std::string>());
      return;
    }
    if (s.contains("const") && v != s["const"]) {
      fail(where, "is not " + s["const"].dump());
    }
    if (s.contains("enum") && std::find(s["enum"].begin(), s["enum"].end(), v) == s["enum"].end()) {
      fail(where, v.dump() + " is not one of " + s["enum"].dump());
    }
    if (s.contains("anyOf")) {
      check_any_of(v, s, where);
    }
    if (s.contains("properties")) {
      check_object(v, s, where);
    }
    if (s.contains("items")) {
      for (std::size_t i = 0; i < v.size(); ++i) {
        check(v[i], s["items"], where + "[" + std::to_string(i) + "]");
      }
    }
  }
  void check_any_of(const Json& v, const Json& s, const std::string& where) {
    const std::vector<std::string> before = problems_;
    std::vector<std::string> collected;
    for (const Json& option : s["anyOf"]) {
      problems_ = before;
      check(v, option, where);
      if (problems_.size() == before.size()) {
        return;
      }
      collected = problems_;
    }
    problems_ = collected;
  }
  void check_object(const Json& v, const Json& s, const std::string& where) {
    for (const Json& key : s["required"]) {
      if (!v.contains(key.get<std::string>())) {
        fail(where, "lacks " + key.dump());
      }
    }
    for (const auto& [key, value] : v.items()) {
      if (!s["properties"].contains(key)) {
        fail(where, "has " + key + ", which the schema does not know");
      } else {
        check(value, s["properties"][key], where + "." + key);
      }
    }
  }
  Json schema_;
  std::vector<std::string> problems_;
};

TargetReport report(std::vector<Evidence> evidence, std::string target = "leaf.pem") {
  TargetReport out;
  out.target = std::move(target);
  out.what.emplace(P().leaf.certificate);
  out.what->issuer = P().intermediate.certificate;
  out.what->evidence = std::move(evidence);
  out.verdict = judge(*out.what, kTestNow);
  out.outcome = out.verdict.outcome;
  return out;
}
Evidence answered(ocsp::CertStatus status, Channel channel = Channel::kLive,
                  UnixSeconds next_update = kTestNow + hours(50)) {
  EntrySpec entry = entry_for(P().leaf.certificate, P().intermediate.certificate, status);
  entry.next_update = next_update;
  const Buffer response = build_response(P().ocsp_signer, {.entries = {entry}});
  auto verified =
      verify({response, P().leaf.certificate, P().intermediate.certificate, std::nullopt, {}}, {},
             kTestNow);
  Evidence evidence{channel, channel == Channel::kStapled ? "handshake" : "http://ocsp.test/",
                    Silence::kNoStaple};
  if (verified) {
    evidence.content = *std::move(verified);
  } else {
    evidence.content = LiveFailure{LiveErrc::kUnacceptable, verified.error().detail, std::nullopt,
                                   verified.error(), std::nullopt};
  }
  evidence.attempts.push_back({.url = "http://ocsp.test/",
                               .method = HttpMethod::kByLength,
                               .hash = HashAlgorithm::kSha256,
                               .nonce_octets = 32,
                               .cache = CacheUse::kAllowed,
                               .duration = Milliseconds(41),
                               .http_status = 200,
                               .failure = std::nullopt});
  return evidence;
}
TargetReport unreadable() {
  TargetReport out;
  out.target = "nothing.pem";
  out.outcome = Outcome::kUnreadable;
  out.problem = "cannot open 'nothing.pem'";
  return out;
}
std::vector<TargetReport> all_kinds() {
  return {report({answered(ocsp::Good{}, Channel::kStapled), answered(ocsp::Good{})}),
          report({answered(ocsp::Revoked{kTestNow - hours(9), ReasonCode::kKeyCompromise})}),
          report({answered(ocsp::Unknown{})}),
          report({answered(ocsp::Revoked{kTestNow - hours(9), std::nullopt}, Channel::kStapled,
                           kTestNow - Seconds(10))}),
          report({{Channel::kStapled, "handshake", Silence::kNoStaple},
                  {Channel::kLive, "http://ocsp.example.com/", Silence::kPrivacy}}),
          report({{Channel::kLive, "http://x.test/",
                   LiveFailure{LiveErrc::kTransport,
                               "no route",
                               net::FetchError{net::FetchErrc::kConnect, "no route", 0, {}},
                               {},
                               {}}}}),
          report({{Channel::kLive, "http://x.test/",
                   LiveFailure{LiveErrc::kResponderError,
                               "tryLater",
                               {},
                               VerifyError{VerifyErrc::kResponseStatus,
                                           "tryLater",
                                           ocsp::ResponseStatus::kTryLater,
                                           {},
                                           {}},
                               {}}}}),
          report({{Channel::kCrl, "ca.crl",
                   CrlAnswer{ocsp::Good{}, kTestNow - hours(1), kTestNow + hours(99)}}}),
          report({{Channel::kCrl, "ca.crl",
                   CrlFailure{LiveErrc::kUnacceptable, "crl-unacceptable", "expired"}}}),
          unreadable()};
}

// req: OCSP-CLI-060
TEST(ReportJson, FollowsItsSchemaForEveryKindOfEvidence) {
  Validator validator;
  const Json document = Json::parse(format_json(all_kinds(), kTestNow));
  EXPECT_THAT(validator.problems(document), ::testing::IsEmpty());
  EXPECT_EQ(document["schema_version"], 1);
  EXPECT_EQ(document["targets"].size(), all_kinds().size());
  EXPECT_EQ(document["verdict"], "revoked");
  EXPECT_EQ(document["exit_code"], 1);
}

TEST(ReportJson, TheValidatorNoticesWhatIsWrong) {
  Validator validator;
  Json document = Json::parse(format_json(all_kinds(), kTestNow));
  document["targets"][0]["evidence"][0]["facts"]["signature"] = "perhaps";
  document["targets"][1].erase("peer");
  document["surprise"] = 1;
  EXPECT_EQ(validator.problems(document).size(), 3u);
}

// req: OCSP-CLI-060
TEST(ReportJson, KeepsFactsApartAndAbsentNull) {
  const Json targets = Json::parse(format_json(all_kinds(), kTestNow))["targets"];
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
  const Json absent = targets[4]["evidence"][0];
  EXPECT_EQ(absent["result"], "absent");
  EXPECT_EQ(absent["cert_status"], nullptr);
  EXPECT_EQ(targets[4]["verdict"], "undetermined");
  EXPECT_EQ(targets[6]["evidence"][0]["response_status"], "tryLater");
  EXPECT_EQ(targets[9]["problem"], "cannot open 'nothing.pem'");
  EXPECT_EQ(targets[9]["exit_code"], 66);
}

TEST(ReportText, TellsStatusFreshnessAndSigner) {
  const std::string text =
      format_text({report({answered(ocsp::Good{})})}, kTestNow, Colour::kPlain);
  EXPECT_THAT(text, HasSubstr("leaf.pem"));
  EXPECT_THAT(
      text,
      HasSubstr("live     GOOD        fresh      98% left  next 2026-11-26T12:00:00Z (in 2d 2h)"));
  EXPECT_THAT(text, HasSubstr("(delegate)  http://ocsp.test/  41 ms"));
  EXPECT_THAT(text, HasSubstr("verdict  GOOD\n"));
}

TEST(ReportText, TellsWhatWhyAndWhatToDo) {
  const std::string text = format_text(all_kinds(), kTestNow, Colour::kPlain);
  EXPECT_THAT(text, HasSubstr("stapled  STALE"));
  EXPECT_THAT(text, HasSubstr("response-expired: The answer's nextUpdate has passed."));
  EXPECT_THAT(text, HasSubstr("seen: nextUpdate was"));
  EXPECT_THAT(text, HasSubstr("why:  Newer information exists"));
  EXPECT_THAT(text, HasSubstr("fix:  A server: see why its refresh stopped."));
  EXPECT_THAT(text, HasSubstr("expired-but-revoked"));
  EXPECT_THAT(text, HasSubstr("revoked at 2026-11-24T01:00:00Z, reason keyCompromise"));
  EXPECT_THAT(text, HasSubstr("stapled  ABSENT"));
  EXPECT_THAT(text, HasSubstr("live     NOT ASKED"));
  EXPECT_THAT(text, HasSubstr("live     NO ANSWER"));
  EXPECT_THAT(text, HasSubstr("UNREADABLE  cannot open 'nothing.pem'"));
}

TEST(ReportText, TellsWhatToDoWithoutAnIssuer) {
  const std::string text =
      format_text({report({{Channel::kLive, "http://ocsp.test/", Silence::kNoIssuer}})}, kTestNow,
                  Colour::kPlain);
  EXPECT_THAT(text, HasSubstr("issuer-missing: The issuer's certificate is not at hand."));
  EXPECT_THAT(text, HasSubstr("fix:  Give --issuer FILE"));
  EXPECT_THAT(text, HasSubstr("verdict  UNDETERMINED"));
}

TEST(ReportText, HasColoursOnlyWhenAskedAndEndsEachLineClean) {
  const std::string plain = format_text(all_kinds(), kTestNow, Colour::kPlain);
  EXPECT_THAT(plain, Not(HasSubstr("\x1b")));
  EXPECT_THAT(plain, Not(HasSubstr(" \n")));
  EXPECT_THAT(format_text(all_kinds(), kTestNow, Colour::kAnsi), HasSubstr("\x1b[31;1m"));
}

TEST(ReportText, MakesWhatComesFromOutsidePrintable) {
  const std::string text = format_text({report({answered(ocsp::Good{})}, "evil\x1b[2J\nname")},
                                       kTestNow, Colour::kPlain);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("evil\\x1b[2J\\x0aname"));
}

TEST(Worst, IsTheSeverestOutcome) {
  EXPECT_EQ(worst({}), Outcome::kGood);
  EXPECT_EQ(worst(all_kinds()), Outcome::kRevoked);
  EXPECT_EQ(worst({report({answered(ocsp::Good{})}), unreadable()}), Outcome::kUnreadable);
}

}  // namespace
}  // namespace muster::report
