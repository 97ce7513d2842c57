#include "lint_world.h"

namespace muster::lint {
namespace {

using ocsp::ResponseStatus;

void set_answer(World& w, ProbeKind kind, Buffer response, unsigned http_status = 200) {
  std::erase_if(w.others, [kind](const Exchange& e) { return e.probe == kind; });
  w.others.push_back(make_exchange(kind, std::move(response), http_status));
}
Buffer error(ResponseStatus status) { return ocsp::encode_error_response(status); }
Buffer good() { return answer(ocsp::Good{}); }
Buffer with_nonce(std::size_t octets) {
  return answer(ocsp::Good{}, HashAlgorithm::kSha256,
                [octets](ResponseSpec& s) { s.nonce = Buffer(octets, 1); });
}

/// To this probe one answer keeps the rule and another breaks it; GET and POST say good.
Row probed(const char* rule, ProbeKind kind, const std::function<Buffer()>& kept,
           const std::function<Buffer()>& broken) {
  return {rule,
          [=](World& w) {
            w.with_responder = true;
            set_answer(w, kind, kept());
          },
          [=](World& w) { set_answer(w, kind, broken()); }};
}
std::function<Buffer()> refusal(ResponseStatus status) {
  return [status] { return error(status); };
}
std::function<Buffer()> unissued(ocsp::CertStatus status, bool marked = false) {
  return [=] {
    return answer(status, HashAlgorithm::kSha256, [marked](ResponseSpec& s) {
      if (marked) {
        s.extensions = {null_extension(oid::kOcspExtendedRevoked)};
      }
    });
  };
}
const ocsp::CertStatus kHeld = ocsp::Revoked{unix_seconds(0), ReasonCode::kCertificateHold};

/// The plain question was answered otherwise than with a status.
Row plain(const char* rule, const std::function<void(Subject&)>& change) {
  return {rule, [](World& w) { w.with_responder = true; },
          [change](World& w) { w.change = change; }};
}
void lose(Exchange& exchange) {
  exchange.http = HttpFacts{.status = 0, .failure = "connection refused"};
  exchange.response.clear();
}
Buffer request_of(std::initializer_list<HashAlgorithm> hashes) {
  ocsp::Request request;
  for (const HashAlgorithm hash : hashes) {
    request.requests.push_back(
        {pki::make_cert_id(hash, P().leaf.certificate, P().intermediate.certificate), {}});
  }
  return ocsp::encode_request(request);
}
void ask_twice(World& w, bool both_answered) {
  w.with_responder = true;
  Exchange exchange = make_exchange(
      ProbeKind::kTwoCertIds,
      answer(ocsp::Good{}, HashAlgorithm::kSha256, [both_answered](ResponseSpec& s) {
        if (both_answered) {
          s.entries.push_back(entry_for(P().leaf.certificate, P().intermediate.certificate));
        }
      }));
  exchange.request = request_of({HashAlgorithm::kSha256, HashAlgorithm::kSha1});
  w.others = {std::move(exchange)};
}

}  // namespace

// req: OCSP-OPS-013
std::vector<Row> responder_rows() {
  const auto as_ever = [](const char* rule, ProbeKind kind) {
    return probed(rule, kind, good, refusal(ResponseStatus::kMalformedRequest));
  };
  return {
      plain("status-told",
            [](Subject& s) {
              for (Exchange& e : s.exchanges) {
                e.response = error(ResponseStatus::kTryLater);
              }
            }),
      plain("get-answered", [](Subject& s) { lose(s.exchanges[0]); }),
      plain("post-answered", [](Subject& s) { lose(s.exchanges[1]); }),
      plain("methods-agree", [](Subject& s) { s.exchanges[1].response = answer(ocsp::Unknown{}); }),
      probed("garbage-malformed", ProbeKind::kGarbage, refusal(ResponseStatus::kMalformedRequest),
             refusal(ResponseStatus::kInternalError)),
      {"oversized-refused", [](World& w) { set_answer(w, ProbeKind::kOversized, Buffer(), 413); },
       [](World& w) { set_answer(w, ProbeKind::kOversized, Buffer(), 500); }},
      probed("foreign-issuer", ProbeKind::kForeignIssuer, unissued(ocsp::Unknown{}),
             unissued(ocsp::Good{})),
      probed("foreign-issuer-refused", ProbeKind::kForeignIssuer,
             refusal(ResponseStatus::kUnauthorized), unissued(ocsp::Unknown{})),
      probed("unissued-not-good", ProbeKind::kUnissued, refusal(ResponseStatus::kUnauthorized),
             unissued(ocsp::Good{})),
      probed("unissued-good-told", ProbeKind::kUnissued, unissued(ocsp::Unknown{}),
             unissued(ocsp::Good{})),
      probed("unissued-not-held", ProbeKind::kUnissued, unissued(ocsp::Unknown{}),
             unissued(kHeld, true)),
      probed("unissued-recognisable", ProbeKind::kUnissued, unissued(kHeld, true),
             unissued(kHeld, false)),
      probed("unknown-hash", ProbeKind::kUnknownHash, refusal(ResponseStatus::kUnauthorized),
             refusal(ResponseStatus::kMalformedRequest)),
      as_ever("sha1-cert-id-answered", ProbeKind::kGetSha1),
      as_ever("sha1-cert-id-still-answered", ProbeKind::kGetSha1),
      as_ever("sha384-cert-id-answered", ProbeKind::kPostSha384),
      {"cert-id-echoed",
       [](World& w) {
         w.change = [](Subject& s) {
           s.exchanges[0].request = request_of({HashAlgorithm::kSha256});
         };
       },
       [](World& w) {
         w.change = [](Subject& s) { s.exchanges[0].request = request_of({HashAlgorithm::kSha1}); };
       }},
      {"each-cert-id-answered", [](World& w) { ask_twice(w, true); },
       [](World& w) { ask_twice(w, false); }},
      probed("nonce-tolerated", ProbeKind::kNonce32, good,
             refusal(ResponseStatus::kMalformedRequest)),
      probed(
          "nonce-echoed", ProbeKind::kNonce32, [] { return with_nonce(32); }, good),
      as_ever("longer-nonce-tolerated", ProbeKind::kNonce33),
      {"too-long-nonce-malformed",
       [](World& w) {
         w.with_responder = true;
         set_answer(w, ProbeKind::kNonce32, with_nonce(32));
         w.others.push_back(
             make_exchange(ProbeKind::kNonce129, error(ResponseStatus::kMalformedRequest)));
       },
       [](World& w) { w.others.back().response = good(); }},
      as_ever("unknown-extension-ignored", ProbeKind::kUnknownExtension),
      probed("critical-extension-refused", ProbeKind::kCriticalExtension,
             refusal(ResponseStatus::kMalformedRequest), good),
      as_ever("basic-among-acceptable", ProbeKind::kAcceptableResponses),
      as_ever("unsigned-name-ignored", ProbeKind::kRequestorName),
      as_ever("post-judged-by-body", ProbeKind::kWrongContentType),
      as_ever("http-1-0-answered", ProbeKind::kHttp10),
      as_ever("get-unescaped-answered", ProbeKind::kGetUnescaped),
  };
}

TEST(ResponderRules, HoldAndBreak) { expect_both_sides(responder_rows()); }

TEST(ResponderRules, SayNothingOfWhatWasNotAsked) {
  const auto by_get_alone = [](World&) {};
  expect_said({
      {"post-answered", "by GET alone", "not-applicable", by_get_alone},
      {"unissued-not-good", "by GET alone", "not-applicable", by_get_alone},
      {"unissued-not-held", "by GET alone", "not-applicable", by_get_alone},
      {"oversized-refused", "by GET alone", "not-applicable", by_get_alone},
      {"status-told", "garbage alone", "not-applicable",
       [](World& w) { w.probe = ProbeKind::kGarbage; }},
  });
}

TEST(ResponderRules, TellWhyThereWasNoAnswer) {
  World w;
  w.with_responder = true;
  w.change = [](Subject& s) { lose(s.exchanges[0]); };
  const Report report = lint(w.subject(), kEveryProfile);
  const Outcome* const outcome = find_outcome(report, "get-answered");
  ASSERT_NE(outcome, nullptr);
  ASSERT_EQ(outcome->breaches.size(), 1U);
  EXPECT_EQ(outcome->breaches[0].detail, "no answer (connection refused)");
}

// Only those who serve nonces must know how long one may be.
TEST(ResponderRules, NoncesBindWhoServesThem) {
  World w;
  w.with_responder = true;
  set_answer(w, ProbeKind::kNonce32, good());
  w.others.push_back(make_exchange(ProbeKind::kNonce129, good()));
  const Report report = lint(w.subject(), kEveryProfile);
  EXPECT_EQ(to_string(find_outcome(report, "too-long-nonce-malformed")->state), "not-applicable");
}

TEST(ResponderRules, AreNotAskedAboutFiles) {
  World w;
  w.is_saved = true;
  EXPECT_EQ(find_outcome(lint(w.subject(), kEveryProfile), "get-answered"), nullptr);
}

}  // namespace muster::lint
