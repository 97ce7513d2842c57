#include "verify_steps.h"

#include <algorithm>

#include "muster/pki/recent_certificates.h"

namespace muster::client {
namespace {

Err<VerifyError> refuse(VerifyErrc code, std::string detail) {
  return Err{VerifyError{code, std::move(detail), std::nullopt, std::nullopt, std::nullopt}};
}

}  // namespace

Result<ocsp::BasicResponseView, VerifyError> open_response(Bytes response,
                                                           const ocsp::Limits& limits) {
  const auto parsed = ocsp::parse_response(response, limits);
  if (!parsed) {
    const bool other_type =
        parsed.error().code == der::DerErrc::kUnsupported && parsed.error().field == "responseType";
    return refuse(other_type ? VerifyErrc::kUnsupportedType : VerifyErrc::kMalformed,
                  "the response does not parse: " + to_string(parsed.error()));
  }
  if (parsed->status != ocsp::ResponseStatus::kSuccessful) {
    return Err{VerifyError{VerifyErrc::kResponseStatus,
                           "the responder answers " + std::string(ocsp::to_string(parsed->status)) +
                               ", which is unsigned and says nothing about the certificate",
                           parsed->status, std::nullopt, std::nullopt}};
  }
  return *parsed->basic;
}

namespace {

// ---- who signed
// ------------------------------------------------------------------------------------------------

constexpr std::size_t kMostSigners = 256;

/// Those that came with answers.
pki::RecentCertificates& recent_signers() {
  static pki::RecentCertificates certificates(kMostSigners);
  return certificates;
}

/// Every certificate the responder id may mean, without repeats, those sent along first.
std::vector<pki::Certificate> find_candidates(const ocsp::BasicResponseView& basic,
                                              const SignerSearch& search,
                                              const VerifyPolicy& policy) {
  std::vector<pki::Certificate> found;
  const auto consider = [&](const pki::Certificate& candidate) {
    if (pki::identifies(basic.responder_id, candidate) &&
        std::find(found.begin(), found.end(), candidate) == found.end()) {
      found.push_back(candidate);
    }
  };
  for (const Bytes der : basic.certificates) {
    // A certificate we cannot read cannot be the signer we trust; unrelated ones do no harm
    // (OCSP-CLI-048).
    if (const auto parsed = recent_signers().parse(der)) {
      consider(*parsed);
    }
  }
  if (search.issuer != nullptr) {
    consider(*search.issuer);
  }
  std::for_each(search.extra.begin(), search.extra.end(), consider);
  std::for_each(policy.trusted_responders.begin(), policy.trusted_responders.end(), consider);
  return found;
}

std::string describe(const ocsp::ResponderIdView& id) {
  if (const auto* by_key = std::get_if<ocsp::ResponderByKey>(&id)) {
    return "key hash " + to_hex(by_key->key_hash);
  }
  return "name " + der::name_to_string(std::get<ocsp::ResponderByName>(id).name);
}

std::string_view explain(pki::AuthorityErrc code) {
  switch (code) {
    case pki::AuthorityErrc::kNotIssuedByIssuerKey:
      return "it is neither the issuer's key nor certified by it under its name";
    case pki::AuthorityErrc::kMissingOcspSigning:
      return "its certificate lacks the extended key usage OCSPSigning";
    case pki::AuthorityErrc::kMissingDigitalSignature:
      return "its certificate's key usage does not allow digital signatures";
    case pki::AuthorityErrc::kSignerExpired:
      return "its certificate has expired";
    case pki::AuthorityErrc::kSignerNotYetValid:
      return "its certificate is not valid yet";
    case pki::AuthorityErrc::kSignerIsWeak:
      return "its certificate is signed with a weak algorithm";
    case pki::AuthorityErrc::kUnknownCriticalExtension:
      return "its certificate has a critical extension that is not understood";
  }
  return "it is not authorised";
}

VerifyErrc signature_error(pki::PkiErrc code) {
  if (code == pki::PkiErrc::kWeakAlgorithm) {
    return VerifyErrc::kWeakSignature;
  }
  return code == pki::PkiErrc::kUnsupportedAlgorithm ? VerifyErrc::kUnsupportedSignature
                                                     : VerifyErrc::kBadSignature;
}

Result<pki::Authority, pki::AuthorityErrc> judge_authority(const pki::Certificate& candidate,
                                                           const SignerSearch& search,
                                                           const VerifyPolicy& policy,
                                                           UnixSeconds now) {
  if (search.issuer != nullptr) {
    auto authority = pki::check_authority(candidate, *search.issuer, now, policy.trusted_responders,
                                          policy.algorithms);
    // The key decides; that a certificate's issuer name is its issuer's subject is asked beside it
    // (RFC 5280 section 6.1.3).
    if (authority && *authority == pki::Authority::kDelegate &&
        !pki::same_name(candidate.issuer(), search.issuer->subject())) {
      return Err{pki::AuthorityErrc::kNotIssuedByIssuerKey};
    }
    return authority;
  }
  const auto& trusted = policy.trusted_responders;
  if (std::find(trusted.begin(), trusted.end(), candidate) == trusted.end()) {
    return Err{pki::AuthorityErrc::kNotIssuedByIssuerKey};
  }
  return pki::check_authority(candidate, candidate, now, trusted, policy.algorithms);
}

}  // namespace

Result<Unit, VerifyError> check_issuer_name(const Subject& subject,
                                            const pki::Certificate& issuer) {
  if (pki::same_name(subject.issuer_name(), issuer.subject())) {
    return Unit{};
  }
  return Err{VerifyError{VerifyErrc::kSignerUnauthorised,
                         "the issuer at hand is " + issuer.subject_text() +
                             ", but the certificate names " + subject.issuer_text() +
                             " as its issuer",
                         std::nullopt, pki::AuthorityErrc::kNotIssuedByIssuerKey, std::nullopt}};
}

Result<FoundSigner, VerifyError> find_signer(const ocsp::BasicResponseView& basic,
                                             const SignerSearch& search, const VerifyPolicy& policy,
                                             UnixSeconds now) {
  const std::vector<pki::Certificate> candidates = find_candidates(basic, search, policy);
  const auto issuer = [&search] {  // for messages alone
    return search.issuer != nullptr ? search.issuer->subject_text()
                                    : std::string("an unnamed issuer");
  };
  if (candidates.empty()) {
    return refuse(VerifyErrc::kSignerNotFound,
                  "no certificate at hand fits the responder id (" + describe(basic.responder_id) +
                      "); the response brings " + std::to_string(basic.certificates.size()) +
                      " certificates and the issuer is " + issuer());
  }
  std::optional<VerifyError> unauthorised, unsigned_by;
  for (const pki::Certificate& candidate : candidates) {
    const auto authority = judge_authority(candidate, search, policy, now);
    if (!authority) {
      unauthorised = VerifyError{VerifyErrc::kSignerUnauthorised,
                                 "the signer " + candidate.subject_text() + " may not answer for " +
                                     issuer() + ": " + std::string(explain(authority.error())),
                                 std::nullopt, authority.error(), std::nullopt};
      continue;
    }
    const auto verified = pki::verify_signature(basic.signature_algorithm, basic.tbs_raw,
                                                basic.signature, candidate, policy.algorithms);
    if (verified) {
      return FoundSigner{candidate, *authority};
    }
    unsigned_by = VerifyError{signature_error(verified.error().code),
                              "the signature (" + pki::algorithm_text(basic.signature_algorithm) +
                                  ") does not hold under the key of " + candidate.subject_text() +
                                  ": " + verified.error().detail,
                              std::nullopt, std::nullopt, std::nullopt};
  }
  return Err{unsigned_by ? *std::move(unsigned_by) : *std::move(unauthorised)};
}

namespace {

// ---- what may be read
// ------------------------------------------------------------------------------------------

bool is_any_of(Bytes oid, std::initializer_list<Bytes> known) {
  return std::any_of(known.begin(), known.end(), [oid](Bytes k) { return equal(k, oid); });
}

}  // namespace

// Only extensions whose meaning we act upon, or that change nothing for us, are recognised; at
// their own level.
Result<Unit, VerifyError> check_extensions(const ocsp::BasicResponseView& basic) {
  const auto unknown = [](std::string_view where, const der::ExtensionView& extension) {
    return refuse(VerifyErrc::kCriticalExtension,
                  std::string(where) + " has the critical extension " +
                      der::oid_to_string(extension.oid) + ", which must be understood and is not");
  };
  for (const der::ExtensionView& extension : basic.extensions) {
    if (extension.critical &&
        !is_any_of(extension.oid, {oid::kOcspNonce, oid::kOcspExtendedRevoked})) {
      return unknown("the response", extension);
    }
  }
  for (const ocsp::SingleResponseView& entry : basic.responses) {
    for (const der::ExtensionView& extension : entry.extensions) {
      if (extension.critical &&
          !is_any_of(extension.oid,
                     {oid::kOcspArchiveCutoff, oid::kOcspCrlReference, oid::kCeReasonCode,
                      oid::kCeInvalidityDate, oid::kCtSctListOcsp})) {
        return unknown("an entry", extension);
      }
    }
  }
  return Unit{};
}

namespace {

// ---- times and the choice among entries
// ------------------------------------------------------------------------

std::optional<VerifyError> check_times(const ocsp::SingleResponseView& entry,
                                       const VerifyPolicy& policy, UnixSeconds now) {
  const auto failed = [&](VerifyErrc code, std::string detail) {
    return VerifyError{code, std::move(detail), std::nullopt, std::nullopt,
                       StaleClaim{entry.status, entry.this_update, entry.next_update}};
  };
  if (entry.next_update && *entry.next_update < entry.this_update) {
    return failed(VerifyErrc::kInvalidInterval, "nextUpdate " + format_iso8601(*entry.next_update) +
                                                    " lies before thisUpdate " +
                                                    format_iso8601(entry.this_update));
  }
  if (entry.this_update > now + policy.future_skew) {
    return failed(VerifyErrc::kNotYetValid, "thisUpdate " + format_iso8601(entry.this_update) +
                                                " lies " +
                                                format_duration(entry.this_update - now) +
                                                " ahead of the time of this check");
  }
  // Equality counts as expired: RFC 6960 section 3.2 wants nextUpdate greater than now (decision
  // 014).
  if (entry.next_update && now >= *entry.next_update + policy.expiry_tolerance) {
    return failed(VerifyErrc::kExpired, "nextUpdate was " + format_iso8601(*entry.next_update) +
                                            ", " + format_duration(now - *entry.next_update) +
                                            " ago");
  }
  if (policy.max_age && now - entry.this_update > *policy.max_age) {
    return failed(VerifyErrc::kTooOld, "thisUpdate " + format_iso8601(entry.this_update) + " is " +
                                           format_duration(now - entry.this_update) +
                                           " old, more than " + format_duration(*policy.max_age));
  }
  if (!entry.next_update) {
    if (policy.next_update == NextUpdatePolicy::kRequired) {
      return failed(VerifyErrc::kNoNextUpdate, "nextUpdate is absent and policy requires it");
    }
    if (now - entry.this_update > policy.max_age_without_next_update) {
      return failed(VerifyErrc::kTooOld,
                    "nextUpdate is absent and thisUpdate " + format_iso8601(entry.this_update) +
                        " is " + format_duration(now - entry.this_update) + " old, more than " +
                        format_duration(policy.max_age_without_next_update));
    }
  }
  return std::nullopt;
}

int severity(const ocsp::CertStatus& status) {
  if (std::holds_alternative<ocsp::Revoked>(status)) {
    return 2;
  }
  return std::holds_alternative<ocsp::Unknown>(status) ? 1 : 0;
}

/// Whether `a` is to be told rather than `b` (decision 015).
bool outweighs(const ocsp::SingleResponseView& a, const ocsp::SingleResponseView& b) {
  const int left = severity(a.status), right = severity(b.status);
  return left != right ? left > right : a.this_update > b.this_update;
}

}  // namespace

Result<std::vector<ocsp::SingleResponseView>, VerifyError> find_matching(
    const ocsp::BasicResponseView& basic, const Subject& subject, const pki::Certificate& issuer) {
  std::vector<ocsp::SingleResponseView> matching;
  for (const ocsp::SingleResponseView& entry : basic.responses) {
    if (names(entry.cert_id, subject, issuer)) {
      matching.push_back(entry);
    }
  }
  if (matching.empty()) {
    return refuse(VerifyErrc::kNoMatch, "none of the " + std::to_string(basic.responses.size()) +
                                            " entries names the certificate with serial " +
                                            subject.serial().to_hex() + " of " +
                                            subject.issuer_text());
  }
  return matching;
}

Result<NonceState, VerifyError> check_nonce(const ocsp::BasicResponseView& basic,
                                            const std::optional<Bytes>& nonce_sent,
                                            const VerifyPolicy& policy) {
  if (!nonce_sent) {
    return NonceState::kNotAsked;
  }
  const auto extension = der::find_extension(basic.extensions, oid::kOcspNonce);
  if (!extension) {
    if (policy.nonce == NonceNeed::kRequired) {
      return refuse(VerifyErrc::kNonceMissing,
                    "the answer lacks the nonce we sent, and policy requires it");
    }
    return NonceState::kMissing;
  }
  const auto nonce = ocsp::parse_nonce(extension->value);
  if (!nonce || !equal(nonce->octets, *nonce_sent)) {
    return refuse(
        VerifyErrc::kNonceMismatch,
        "the answer carries another nonce than the one we sent: it was made for another question");
  }
  return NonceState::kMatched;
}

Result<Unit, VerifyError> check_produced_at(const ocsp::BasicResponseView& basic,
                                            const Subject& subject) {
  const pki::Certificate* certificate = subject.certificate();
  if (certificate != nullptr && basic.produced_at + kProducedAtSlack < certificate->not_before()) {
    return refuse(VerifyErrc::kProducedBeforeCertificate,
                  "the response was signed at " + format_iso8601(basic.produced_at) +
                      ", before the certificate's notBefore " +
                      format_iso8601(certificate->not_before()) +
                      ": the responder cannot have known this certificate");
  }
  return Unit{};
}

Result<ocsp::SingleResponseView, VerifyError> choose_entry(
    const std::vector<ocsp::SingleResponseView>& matching, const VerifyPolicy& policy,
    UnixSeconds now) {
  const ocsp::SingleResponseView* best = nullptr;
  std::optional<VerifyError> newest_error;
  for (const ocsp::SingleResponseView& entry : matching) {
    if (auto error = check_times(entry, policy, now)) {
      if (!newest_error || error->claim->this_update > newest_error->claim->this_update) {
        newest_error = std::move(error);
      }
    } else if (best == nullptr || outweighs(entry, *best)) {
      best = &entry;
    }
  }
  if (best == nullptr) {
    return Err{*std::move(newest_error)};
  }
  return *best;
}

}  // namespace muster::client
