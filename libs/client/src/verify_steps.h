#pragma once

#include "muster/client/verify.h"

// The steps of verify(), each usable alone by tests that have no certificate to ask about.
namespace muster::client {

/// Parse, response status, response type. The view's octets are `response`'s.
Result<ocsp::BasicResponseView, VerifyError> open_response(Bytes response,
                                                           const ocsp::Limits& limits);

/// Whether `issuer` bears the name that the subject gives as its issuer's (RFC 5280
/// section 6.1.3). Else nobody it authorises may answer.
Result<Unit, VerifyError> check_issuer_name(const Subject& subject, const pki::Certificate& issuer);

struct FoundSigner {
  pki::Certificate certificate;
  pki::Authority authority;
};
/// Who may have made the signature. Without an issuer only locally trusted signers may.
struct SignerSearch {
  const pki::Certificate* issuer = nullptr;
  std::span<const pki::Certificate> extra;
};
/// The authorised certificate whose key made the signature. Several certificates may fit the
/// responder id (same name, or the same key certified twice): any of them that passes both tests
/// will do. Otherwise the error of the one that came furthest.
Result<FoundSigner, VerifyError> find_signer(const ocsp::BasicResponseView& basic,
                                             const SignerSearch& search, const VerifyPolicy& policy,
                                             UnixSeconds now);

/// OCSP-CLI-025: an unrecognised critical extension of the response or of any entry.
Result<Unit, VerifyError> check_extensions(const ocsp::BasicResponseView& basic);

/// The entries that name the subject. Errors: kNoMatch when there is none.
Result<std::vector<ocsp::SingleResponseView>, VerifyError> find_matching(
    const ocsp::BasicResponseView& basic, const Subject& subject, const pki::Certificate& issuer);

/// Whether the nonce we sent came back. Nothing sent: whatever the answer holds is ignored
/// (OCSP-CLI-043).
enum class NonceState : std::uint8_t { kNotAsked, kMatched, kMissing };
Result<NonceState, VerifyError> check_nonce(const ocsp::BasicResponseView& basic,
                                            const std::optional<Bytes>& nonce_sent,
                                            const VerifyPolicy& policy);

/// Responders round times down, so that slow clocks take a new answer; beyond this, producedAt
/// before notBefore is no rounding.
inline constexpr Seconds kProducedAtSlack = std::chrono::hours(12);
/// Nobody vouches for a certificate before there is one (decision 014). Of a serial nobody knows
/// when it was given out.
Result<Unit, VerifyError> check_produced_at(const ocsp::BasicResponseView& basic,
                                            const Subject& subject);

/// Among the entries that name the certificate: the most severe current one; if none is current,
/// the error of the newest. Precondition: not empty.
Result<ocsp::SingleResponseView, VerifyError> choose_entry(
    const std::vector<ocsp::SingleResponseView>& matching, const VerifyPolicy& policy,
    UnixSeconds now);

}  // namespace muster::client
