#include "muster/client/live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "muster/testing/response_builder.h"

namespace muster::client {
namespace {

using namespace muster::testing;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TestPki& P() { return standard_pki(); }

Buffer answer(ocsp::CertStatus status = ocsp::Good{},
              UnixSeconds next_update = kTestNow + hours(24)) {
  EntrySpec entry =
      entry_for(P().leaf.certificate, P().intermediate.certificate, status, HashAlgorithm::kSha256);
  entry.this_update = std::min(entry.this_update, next_update - hours(1));
  entry.next_update = next_update;
  return build_response(P().ocsp_signer, {.entries = {entry}});
}
Buffer expired() { return answer(ocsp::Good{}, kTestNow - hours(1)); }
Buffer error(ocsp::ResponseStatus status) { return ocsp::encode_error_response(status); }

net::FetchResult ok(Buffer body, unsigned status = 200) {
  net::FetchResponse response;
  response.http_status = status;
  response.body = std::move(body);
  response.duration = Milliseconds(5);
  return response;
}
net::FetchResult failed(net::FetchErrc code, unsigned http_status = 0,
                        std::optional<Seconds> retry_after = {}) {
  return Err{net::FetchError{code, "as scripted", http_status, retry_after}};
}

/// What a request said.
struct Seen {
  std::string host;
  HashAlgorithm hash{};
  std::size_t nonce = 0;
  bool bypass = false;
  Buffer nonce_octets{};
};

/// Plays a script of results against a query and records the requests; fails the test when there
/// are more than results.
class Script {
 public:
  explicit Script(std::deque<net::FetchResult> results) : results_(std::move(results)) {}

  LiveOutcome run(LiveOptions options, VerifyPolicy policy = {}) {
    options.transport.method = HttpMethod::kPostOnly;  // so that the request is easy to read
    LiveQuery query(P().leaf.certificate, P().intermediate.certificate, std::move(options),
                    std::move(policy));
    LiveAction action = query.start(kTestNow);
    for (;;) {
      if (auto* outcome = std::get_if<LiveOutcome>(&action)) {
        EXPECT_THAT(results_, IsEmpty()) << "asked less often than scripted";
        return std::move(*outcome);
      }
      if (const auto* wait = std::get_if<LiveWait>(&action)) {
        waits.push_back(wait->delay);
        action = query.on_waited(kTestNow);
        continue;
      }
      note(std::get<net::FetchRequest>(action));
      if (results_.empty()) {
        ADD_FAILURE() << "asked more often than scripted";
        action = query.on_fetched(failed(net::FetchErrc::kCancelled), kTestNow);
        if (seen.size() > 50) {
          std::abort();
        }
        continue;
      }
      const net::FetchResult result = results_.front();
      results_.pop_front();
      action = query.on_fetched(result, kTestNow);
    }
  }

  [[nodiscard]] std::vector<std::string> hosts() const {
    std::vector<std::string> out;
    for (const Seen& s : seen) {
      out.push_back(s.host);
    }
    return out;
  }

  std::vector<Seen> seen;
  std::vector<Milliseconds> waits;

 private:
  void note(const net::FetchRequest& fetch) {
    const auto request = ocsp::parse_request(*fetch.post_body);
    ASSERT_TRUE(request);
    Seen s{fetch.url, *der::find_hash(request->requests.at(0).cert_id.hash_algorithm), 0,
           !fetch.headers.empty()};
    if (const auto extension = der::find_extension(request->extensions, oid::kOcspNonce)) {
      s.nonce_octets = to_buffer(ocsp::parse_nonce(extension->value)->octets);
      s.nonce = s.nonce_octets.size();
    }
    seen.push_back(std::move(s));
  }
  std::deque<net::FetchResult> results_;
};

LiveOptions to(std::vector<std::string> urls) {
  LiveOptions options;
  options.urls = std::move(urls);
  return options;
}
const std::vector<std::string> kOne = {"http://a.test/"};
const std::vector<std::string> kTwo = {"http://a.test/", "http://b.test/"};

std::string failure_code(const LiveOutcome& outcome) {
  return outcome.failure() == nullptr ? "none" : std::string(to_string(outcome.failure()->code));
}

TEST(LiveQuery, BringsAVerifiedResponse) {
  Script script({ok(answer())});
  const LiveOutcome outcome = script.run(to(kOne));
  ASSERT_NE(outcome.response(), nullptr);
  ASSERT_EQ(outcome.attempts.size(), 1u);
  EXPECT_EQ(outcome.attempts[0].duration, Milliseconds(5));
  EXPECT_FALSE(outcome.attempts[0].failure);
  EXPECT_EQ(script.seen[0].hash, HashAlgorithm::kSha256);
  EXPECT_EQ(script.seen[0].nonce, 0u);
  EXPECT_FALSE(script.seen[0].bypass);
}

// req: OCSP-CLI-033
TEST(LiveQuery, TakesTheUrlFromTheCertificateUnlessToldOtherwise) {
  CertificateSpec spec = leaf_spec();
  spec.ca_issuers_uris = {"http://issuer.test/ca.der"};
  spec.ocsp_uris = {"ldap://ldap.test/", "http://own.test/"};
  const Identity leaf = issue(P().intermediate, spec);
  LiveQuery own(leaf.certificate, P().intermediate.certificate, {}, {});
  EXPECT_TRUE(std::get<net::FetchRequest>(own.start(kTestNow)).url.starts_with("http://own.test/"));
  LiveQuery told(leaf.certificate, P().intermediate.certificate, to(kOne), {});
  EXPECT_TRUE(std::get<net::FetchRequest>(told.start(kTestNow)).url.starts_with("http://a.test/"));
}

TEST(LiveQuery, SaysWhenThereIsNobodyToAsk) {
  Script script({});
  EXPECT_EQ(failure_code(script.run({})), "no-responder-url");
  EXPECT_EQ(failure_code(script.run(to({"ldap://x.test/"}))), "no-responder-url");
}

// req: OCSP-CLI-034
TEST(LiveQuery, TriesUrlsInTheirOrder) {
  Script script({failed(net::FetchErrc::kConnect), ok(answer())});
  const LiveOutcome outcome = script.run(to(kTwo));
  EXPECT_NE(outcome.response(), nullptr);
  EXPECT_THAT(script.hosts(), ElementsAre("http://a.test/", "http://b.test/"));
  EXPECT_EQ(outcome.attempts[0].failure->code, LiveErrc::kTransport);
}

// req: OCSP-CLI-020
TEST(LiveQuery, AsksAnotherUrlThenBacksOffOnTransientErrors) {
  for (const auto status :
       {ocsp::ResponseStatus::kTryLater, ocsp::ResponseStatus::kInternalError}) {
    Script script({ok(error(status)), ok(error(status)), ok(error(status)), ok(error(status)),
                   ok(error(status)), ok(error(status))});
    LiveOptions options = to(kTwo);
    options.rounds = 3;
    EXPECT_EQ(failure_code(script.run(options)), "responder-error");
    EXPECT_THAT(script.hosts(), ElementsAre("http://a.test/", "http://b.test/", "http://a.test/",
                                            "http://b.test/", "http://a.test/", "http://b.test/"));
    EXPECT_THAT(script.waits, ElementsAre(Milliseconds(1000), Milliseconds(2000)));
  }
}

// req: OCSP-CLI-020
TEST(LiveQuery, NeverRepeatsARefusedRequestUnchanged) {
  for (const auto status :
       {ocsp::ResponseStatus::kMalformedRequest, ocsp::ResponseStatus::kUnauthorized,
        ocsp::ResponseStatus::kSigRequired}) {
    Script script({ok(error(status))});
    LiveOptions options = to(kOne);
    options.rounds = 5;
    const LiveOutcome outcome = script.run(options);
    EXPECT_EQ(failure_code(outcome), "responder-error");
    EXPECT_FALSE(outcome.failure()->worth_retrying());
    EXPECT_THAT(script.waits, IsEmpty());
  }
}

TEST(LiveQuery, HeedsRetryAfterWithinReason) {
  LiveOptions options = to(kOne);
  options.rounds = 2;
  Script patient({failed(net::FetchErrc::kHttpStatus, 503, Seconds(3)), ok(answer())});
  EXPECT_NE(patient.run(options).response(), nullptr);
  EXPECT_THAT(patient.waits, ElementsAre(Milliseconds(3000)));
  Script endless({failed(net::FetchErrc::kHttpStatus, 503, Seconds(3600))});
  const LiveOutcome outcome = endless.run(options);
  EXPECT_EQ(failure_code(outcome), "transport-error");
  EXPECT_EQ(outcome.failure()->retry_after, Seconds(3600));
}

// req: OCSP-CLI-058
TEST(LiveQuery, BypassesCachesOnceAfterAnExpiredAnswer) {
  Script fresh_behind({ok(expired()), ok(answer())});
  EXPECT_NE(fresh_behind.run(to(kOne)).response(), nullptr);
  EXPECT_FALSE(fresh_behind.seen[0].bypass);
  EXPECT_TRUE(fresh_behind.seen[1].bypass);
  Script stale_always({ok(expired()), ok(expired())});
  const LiveOutcome outcome = stale_always.run(to(kOne));
  EXPECT_EQ(failure_code(outcome), "unacceptable-answer");
  EXPECT_EQ(outcome.failure()->verify->code, VerifyErrc::kExpired);
  EXPECT_TRUE(outcome.failure()->worth_retrying());
}

// req: OCSP-CLI-039
TEST(LiveQuery, FallsBackToSha1WhenRefusedAndRemembersIt) {
  const auto memory = std::make_shared<ResponderMemory>();
  LiveOptions options = to(kOne);
  options.other_hash = HashAlgorithm::kSha1;
  options.memory = memory;
  Script first({ok(error(ocsp::ResponseStatus::kUnauthorized)), ok(answer())});
  EXPECT_NE(first.run(options).response(), nullptr);
  EXPECT_EQ(first.seen[0].hash, HashAlgorithm::kSha256);
  EXPECT_EQ(first.seen[1].hash, HashAlgorithm::kSha1);
  Script second({ok(answer())});
  EXPECT_NE(second.run(options).response(), nullptr);
  EXPECT_EQ(second.seen[0].hash, HashAlgorithm::kSha1) << "remembered for this responder";
  Script without({ok(error(ocsp::ResponseStatus::kUnauthorized))});
  EXPECT_EQ(failure_code(without.run(to(kOne))), "responder-error")
      << "the option is off by default";
}

// req: OCSP-CLI-039 OCSP-CLI-018
TEST(LiveQuery, FallsBackToSha1OnUnknownAndKeepsUnknownIfNobodyKnows) {
  LiveOptions options = to(kOne);
  options.other_hash = HashAlgorithm::kSha1;
  Script knows({ok(answer(ocsp::Unknown{})), ok(answer())});
  const LiveOutcome known = knows.run(options);
  ASSERT_NE(known.response(), nullptr);
  EXPECT_TRUE(std::holds_alternative<ocsp::Good>(known.response()->status()));
  Script silent({ok(answer(ocsp::Unknown{})), failed(net::FetchErrc::kTimeout)});
  const LiveOutcome unknown = silent.run(options);
  ASSERT_NE(unknown.response(), nullptr);
  EXPECT_TRUE(std::holds_alternative<ocsp::Unknown>(unknown.response()->status()));
}

// req: OCSP-CLI-018
TEST(LiveQuery, AsksTheNextResponderAfterUnknown) {
  Script script(
      {ok(answer(ocsp::Unknown{})), ok(answer(ocsp::Revoked{kTestNow - hours(9), std::nullopt}))});
  const LiveOutcome outcome = script.run(to(kTwo));
  ASSERT_NE(outcome.response(), nullptr);
  EXPECT_TRUE(std::holds_alternative<ocsp::Revoked>(outcome.response()->status()));
}

// req: OCSP-CLI-044
TEST(LiveQuery, NeverReusesANonce) {
  LiveOptions options = to(kTwo);
  options.nonce = NonceUse::kSend;
  Script script({failed(net::FetchErrc::kTimeout), ok(answer())});
  EXPECT_NE(script.run(options).response(), nullptr)
      << "an answer without nonce is fine by default";
  EXPECT_EQ(script.seen[0].nonce, 32u);
  EXPECT_NE(script.seen[0].nonce_octets, script.seen[1].nonce_octets);
}

// req: OCSP-CLI-045
TEST(LiveQuery, ShortensThenDropsTheNonceForResponderThatRefuseIt) {
  const auto memory = std::make_shared<ResponderMemory>();
  LiveOptions options = to(kOne);
  options.nonce = NonceUse::kSendCompat;
  options.memory = memory;
  const Buffer malformed = error(ocsp::ResponseStatus::kMalformedRequest);
  Script script({ok(malformed), ok(malformed), ok(answer())});
  EXPECT_NE(script.run(options).response(), nullptr);
  EXPECT_EQ(script.seen[0].nonce, 32u);
  EXPECT_EQ(script.seen[1].nonce, 16u);
  EXPECT_EQ(script.seen[2].nonce, 0u);
  Script again({ok(answer())});
  EXPECT_NE(again.run(options).response(), nullptr);
  EXPECT_EQ(again.seen[0].nonce, 0u) << "remembered";
  options.nonce = NonceUse::kSend;
  options.memory = nullptr;
  Script strict({ok(malformed)});
  EXPECT_EQ(failure_code(strict.run(options)), "responder-error") << "only in compatibility mode";
}

// req: OCSP-CLI-042
TEST(LiveQuery, RefusesAnswersWithoutTheNonceThatPolicyRequires) {
  LiveOptions options = to(kOne);
  options.nonce = NonceUse::kSend;
  VerifyPolicy policy;
  policy.nonce = NonceNeed::kRequired;
  Script script({ok(answer())});
  EXPECT_EQ(script.run(options, policy).failure()->verify->code, VerifyErrc::kNonceMissing);
}

// req: OCSP-CLI-059
TEST(LiveQuery, TakesAnyContentTypeButOnlyStatus200) {
  net::FetchResult typed = ok(answer());
  typed->content_type = "text/plain";
  Script plain({typed});
  EXPECT_NE(plain.run(to(kOne)).response(), nullptr);
  for (const unsigned status : {204u, 304u, 404u, 500u}) {
    Script script({ok(answer(), status)});
    const LiveOutcome outcome = script.run(to(kOne));
    EXPECT_EQ(failure_code(outcome), "transport-error") << status;
    EXPECT_EQ(outcome.failure()->fetch->http_status, status);
  }
}

TEST(LiveQuery, ReportsTheMostTellingFailure) {
  Script script({failed(net::FetchErrc::kTimeout), ok(Buffer{0x30}),
                 ok(error(ocsp::ResponseStatus::kTryLater))});
  const LiveOutcome outcome =
      script.run(to({"http://a.test/", "http://b.test/", "http://c.test/"}));
  EXPECT_EQ(failure_code(outcome), "unacceptable-answer");
  EXPECT_EQ(outcome.failure()->verify->code, VerifyErrc::kMalformed);
  EXPECT_EQ(outcome.attempts.size(), 3u);
}

TEST(LiveQuery, IsBoundedWhateverResponderDo) {
  // Malformed twice, unauthorized, expired twice: everything that may be tried at one URL, and no
  // more.
  LiveOptions options = to(kOne);
  options.nonce = NonceUse::kSendCompat;
  options.other_hash = HashAlgorithm::kSha1;
  const Buffer malformed = error(ocsp::ResponseStatus::kMalformedRequest);
  Script script({ok(malformed), ok(malformed), ok(error(ocsp::ResponseStatus::kUnauthorized)),
                 ok(expired()), ok(expired())});
  EXPECT_EQ(failure_code(script.run(options)), "unacceptable-answer");
}

TEST(LiveFailure, KnowsWhichFailuresMayPass) {
  const auto judge = [](const net::FetchResult& fetched) {
    return judge_fetch(fetched, P().leaf.certificate, P().intermediate.certificate, std::nullopt,
                       {}, kTestNow)
        .error();
  };
  EXPECT_TRUE(judge(failed(net::FetchErrc::kTimeout)).worth_retrying());
  EXPECT_TRUE(judge(failed(net::FetchErrc::kHttpStatus, 503)).worth_retrying());
  EXPECT_FALSE(judge(failed(net::FetchErrc::kHttpStatus, 404)).worth_retrying());
  EXPECT_FALSE(judge(failed(net::FetchErrc::kForbidden)).worth_retrying());
  EXPECT_TRUE(judge(ok(error(ocsp::ResponseStatus::kTryLater))).worth_retrying());
  EXPECT_FALSE(judge(ok(error(ocsp::ResponseStatus::kUnauthorized))).worth_retrying());
  EXPECT_TRUE(judge(ok(expired())).worth_retrying());
  EXPECT_FALSE(judge(ok(Buffer{0x30})).worth_retrying());
}

TEST(ResponderMemory, IsBounded) {
  ResponderMemory memory;
  for (std::size_t i = 0; i < ResponderMemory::kMaxResponders + 100; ++i) {
    memory.remember("http://" + std::to_string(i) + ".test/", {.needs_other_hash = true});
  }
  std::size_t remembered = 0;
  for (std::size_t i = 0; i < ResponderMemory::kMaxResponders + 100; ++i) {
    remembered +=
        memory.recall("http://" + std::to_string(i) + ".test/").needs_other_hash ? 1u : 0u;
  }
  EXPECT_EQ(remembered, ResponderMemory::kMaxResponders);
}

}  // namespace
}  // namespace muster::client
