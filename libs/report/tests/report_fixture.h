#pragma once

#include <string>
#include <vector>

#include "muster/client/report.h"
#include "muster/testing/response_builder.h"

// Reports to be told.
namespace muster::report {

using namespace muster::testing;
using namespace client;
using std::chrono::hours;

inline const TestPki& P() { return standard_pki(); }

/// A report about `identity`, judged at kTestNow.
inline client::TargetReport report(std::vector<Evidence> evidence, std::string target = "leaf.pem",
                                   const Identity& identity = P().leaf) {
  TargetReport out;
  out.target = std::move(target);
  out.what.emplace(identity.certificate);
  out.what->issuer = P().intermediate.certificate;
  out.what->evidence = std::move(evidence);
  out.verdict = judge(*out.what, kTestNow);
  out.outcome = out.verdict.outcome;
  return out;
}
inline client::Evidence answered(ocsp::CertStatus status, Channel channel = Channel::kLive,
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
inline client::TargetReport unreadable() {
  TargetReport out;
  out.target = "nothing.pem";
  out.outcome = Outcome::kUnreadable;
  out.problem = "cannot open 'nothing.pem'";
  return out;
}
/// Every kind of evidence and of outcome but kNotNeeded.
inline std::vector<client::TargetReport> all_kinds() {
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
          unreadable(),
          report({{Channel::kCrl, "http://crl.test/",
                   CrlAnswer{ocsp::Good{}, kTestNow - hours(1), kTestNow + hours(99), "1A", true,
                             kTestNow - hours(2)}}})};
}

}  // namespace muster::report
