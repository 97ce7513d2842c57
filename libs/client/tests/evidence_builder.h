#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "muster/client/verdict.h"
#include "muster/testing/response_builder.h"

// What tests of judge() share: certificates, and pieces of evidence about them.
namespace muster::client::evidence_testing {

using namespace muster::testing;
using std::chrono::hours;

inline const TestPki& P() { return standard_pki(); }
inline const ocsp::Revoked kRevoked{kTestNow - hours(9), ReasonCode::kKeyCompromise};

/// Names an OCSP responder, until `change` says otherwise.
inline pki::Certificate leaf_with(const std::function<void(CertificateSpec&)>& change) {
  CertificateSpec spec = leaf_spec();
  spec.ocsp_uris = {"http://ocsp.test/"};
  change(spec);
  return issue(P().intermediate, spec).certificate;
}
inline const pki::Certificate& plain() {
  static const pki::Certificate leaf = leaf_with([](CertificateSpec&) {});
  return leaf;
}
inline const pki::Certificate& must_staple() {
  static const pki::Certificate leaf = leaf_with([](CertificateSpec& s) { s.tls_features = {5}; });
  return leaf;
}

inline Result<VerifiedResponse, VerifyError> response(const pki::Certificate& leaf,
                                                      ocsp::CertStatus status,
                                                      UnixSeconds now = kTestNow) {
  EntrySpec entry = entry_for(leaf, P().intermediate.certificate, status);
  entry.this_update = kTestNow - hours(1);
  entry.next_update = kTestNow + hours(99);
  return verify({build_response(P().ocsp_signer, {.entries = {entry}}),
                 leaf,
                 P().intermediate.certificate,
                 std::nullopt,
                 {}},
                {}, now);
}
inline Evidence verified(Channel channel, ocsp::CertStatus status,
                         const pki::Certificate& leaf = plain()) {
  return {channel, "here", *response(leaf, status)};
}
inline Evidence crl_says(ocsp::CertStatus status) {
  return {Channel::kCrl, "c", CrlAnswer{status, kTestNow - hours(1), kTestNow + hours(99)}};
}

inline Evidence failed(Channel channel, LiveErrc code, std::optional<VerifyErrc> verify_code = {},
                       std::optional<ocsp::ResponseStatus> status = {}) {
  LiveFailure failure{code, "as told", std::nullopt, std::nullopt, std::nullopt};
  if (code == LiveErrc::kTransport) {
    failure.fetch = net::FetchError{net::FetchErrc::kTimeout, "slow", 0, std::nullopt};
  }
  if (verify_code) {
    failure.verify = VerifyError{*verify_code, "as told", status, std::nullopt, std::nullopt};
  }
  return {channel, "there", std::move(failure)};
}
/// Nobody answered.
inline Evidence silent(Channel channel = Channel::kLive) {
  return channel == Channel::kCrl
             ? Evidence{channel, "c",
                        CrlFailure{LiveErrc::kTransport, "transport-error", "as told"}}
             : failed(channel, LiveErrc::kTransport);
}
/// An answer came that cannot be accepted. \param code  of OCSP answers
inline Evidence unacceptable(Channel channel, VerifyErrc code = VerifyErrc::kBadSignature) {
  return channel == Channel::kCrl
             ? Evidence{channel, "c",
                        CrlFailure{LiveErrc::kUnacceptable, "crl-unacceptable", "as told"}}
             : failed(channel, LiveErrc::kUnacceptable, code);
}

inline bool has(const Verdict& verdict, std::string_view code) {
  return std::any_of(verdict.findings.begin(), verdict.findings.end(),
                     [code](const Finding& f) { return f.code == code; });
}

}  // namespace muster::client::evidence_testing
