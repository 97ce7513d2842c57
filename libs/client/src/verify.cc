#include "muster/client/verify.h"

#include <algorithm>

namespace muster::client {

struct VerifiedResponse::Data {
  Buffer der;
  ocsp::CertStatus status;
  UnixSeconds this_update;
  std::optional<UnixSeconds> next_update;
  UnixSeconds produced_at;
  pki::Authority authority;
  pki::Certificate signer;
  pki::Certificate certificate;
  bool nonce_matched;
  std::size_t matching_entries;
  std::optional<UnixSeconds> archive_cutoff;
  UnixSeconds effective_expiry;
  std::string signature_algorithm;
};

struct VerifierAccess {
  static VerifiedResponse make(VerifiedResponse::Data data) {
    return VerifiedResponse(std::make_shared<const VerifiedResponse::Data>(std::move(data)));
  }
};

Bytes VerifiedResponse::der() const { return data_->der; }
const ocsp::CertStatus& VerifiedResponse::status() const { return data_->status; }
UnixSeconds VerifiedResponse::this_update() const { return data_->this_update; }
std::optional<UnixSeconds> VerifiedResponse::next_update() const { return data_->next_update; }
UnixSeconds VerifiedResponse::produced_at() const { return data_->produced_at; }
pki::Authority VerifiedResponse::authority() const { return data_->authority; }
const pki::Certificate& VerifiedResponse::signer() const { return data_->signer; }
const pki::Certificate& VerifiedResponse::certificate() const { return data_->certificate; }
bool VerifiedResponse::nonce_matched() const { return data_->nonce_matched; }
std::size_t VerifiedResponse::matching_entries() const { return data_->matching_entries; }
std::optional<UnixSeconds> VerifiedResponse::archive_cutoff() const { return data_->archive_cutoff; }
UnixSeconds VerifiedResponse::effective_expiry() const { return data_->effective_expiry; }
const std::string& VerifiedResponse::signature_algorithm() const { return data_->signature_algorithm; }
bool VerifiedResponse::signer_needs_revocation_check() const {
  return data_->authority == pki::Authority::kDelegate && !data_->signer.facts().ocsp_no_check;
}

std::string_view to_string(VerifyErrc code) {
  switch (code) {
    case VerifyErrc::kMalformed: return "malformed-response";
    case VerifyErrc::kResponseStatus: return "responder-error";
    case VerifyErrc::kUnsupportedType: return "unsupported-response-type";
    case VerifyErrc::kSignerNotFound: return "signer-not-found";
    case VerifyErrc::kBadSignature: return "bad-signature";
    case VerifyErrc::kWeakSignature: return "weak-signature";
    case VerifyErrc::kUnsupportedSignature: return "unsupported-signature";
    case VerifyErrc::kSignerUnauthorised: return "signer-unauthorised";
    case VerifyErrc::kSignerRevoked: return "signer-revoked";
    case VerifyErrc::kCriticalExtension: return "critical-extension";
    case VerifyErrc::kNoMatch: return "certid-mismatch";
    case VerifyErrc::kNonceMismatch: return "nonce-mismatch";
    case VerifyErrc::kNonceMissing: return "nonce-missing";
    case VerifyErrc::kNotYetValid: return "response-not-yet-valid";
    case VerifyErrc::kExpired: return "response-expired";
    case VerifyErrc::kTooOld: return "response-too-old";
    case VerifyErrc::kNoNextUpdate: return "next-update-missing";
    case VerifyErrc::kProducedBeforeCertificate: return "produced-before-certificate";
    case VerifyErrc::kInvalidInterval: return "invalid-interval";
  }
  return "invalid";
}

namespace {

Err<VerifyError> refuse(VerifyErrc code, std::string detail) {
  return Err{VerifyError{code, std::move(detail), std::nullopt, std::nullopt, std::nullopt}};
}

// ---- who signed ------------------------------------------------------------------------------------------------

struct FoundSigner {
  pki::Certificate certificate;
  pki::Authority authority;
};

/// Every certificate the responder id may mean, without repeats, those sent along first.
std::vector<pki::Certificate> find_candidates(const ocsp::BasicResponseView& basic, const VerifyInput& input,
                                              const VerifyPolicy& policy) {
  std::vector<pki::Certificate> found;
  const auto consider = [&](const pki::Certificate& candidate) {
    if (pki::identifies(basic.responder_id, candidate) &&
        std::find(found.begin(), found.end(), candidate) == found.end()) {
      found.push_back(candidate);
    }
  };
  for (const Bytes der : basic.certificates) {
    // A certificate we cannot read cannot be the signer we trust; unrelated ones do no harm (OCSP-CLI-048).
    if (const auto parsed = pki::Certificate::parse(der)) {
      consider(*parsed);
    }
  }
  consider(input.issuer);
  std::for_each(input.extra_certificates.begin(), input.extra_certificates.end(), consider);
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
      return "it is neither the issuer's key nor certified by it";
    case pki::AuthorityErrc::kMissingOcspSigning:
      return "its certificate lacks the extended key usage OCSPSigning";
    case pki::AuthorityErrc::kMissingDigitalSignature:
      return "its certificate's key usage does not allow digital signatures";
    case pki::AuthorityErrc::kSignerExpired: return "its certificate has expired";
    case pki::AuthorityErrc::kSignerNotYetValid: return "its certificate is not valid yet";
    case pki::AuthorityErrc::kSignerIsWeak: return "its certificate is signed with a weak algorithm";
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

/// The authorised certificate whose key made the signature. Several certificates may fit the responder id (same name, or
/// the same key certified twice): any of them that passes both tests will do. Otherwise the error of the one that came furthest.
Result<FoundSigner, VerifyError> find_signer(const ocsp::BasicResponseView& basic, const VerifyInput& input,
                                             const VerifyPolicy& policy, UnixSeconds now) {
  const std::vector<pki::Certificate> candidates = find_candidates(basic, input, policy);
  if (candidates.empty()) {
    return refuse(VerifyErrc::kSignerNotFound,
                  "no certificate at hand fits the responder id (" + describe(basic.responder_id) +
                      "); the response brings " + std::to_string(basic.certificates.size()) +
                      " certificates and the issuer is " + input.issuer.subject_text());
  }
  std::optional<VerifyError> unauthorised, unsigned_by;
  for (const pki::Certificate& candidate : candidates) {
    const auto authority = pki::check_authority(candidate, input.issuer, now, policy.trusted_responders,
                                                policy.algorithms);
    if (!authority) {
      unauthorised = VerifyError{VerifyErrc::kSignerUnauthorised,
                                 "the signer " + candidate.subject_text() + " may not answer for " +
                                     input.issuer.subject_text() + ": " + std::string(explain(authority.error())),
                                 std::nullopt, authority.error(), std::nullopt};
      continue;
    }
    const auto verified = pki::verify_signature(basic.signature_algorithm, basic.tbs_raw, basic.signature,
                                                candidate, policy.algorithms);
    if (verified) {
      return FoundSigner{candidate, *authority};
    }
    unsigned_by = VerifyError{signature_error(verified.error().code),
                              "the signature (" + pki::algorithm_text(basic.signature_algorithm) +
                                  ") does not hold under the key of " + candidate.subject_text() + ": " +
                                  verified.error().detail,
                              std::nullopt, std::nullopt, std::nullopt};
  }
  return Err{unsigned_by ? *std::move(unsigned_by) : *std::move(unauthorised)};
}

// ---- what may be read ------------------------------------------------------------------------------------------

bool is_any_of(Bytes oid, std::initializer_list<Bytes> known) {
  return std::any_of(known.begin(), known.end(), [oid](Bytes k) { return equal(k, oid); });
}

/// OCSP-CLI-025. Only extensions whose meaning we act upon, or that change nothing for us, are recognised; at their own level.
std::optional<std::string> find_unknown_critical(const ocsp::BasicResponseView& basic) {
  for (const der::ExtensionView& extension : basic.extensions) {
    if (extension.critical && !is_any_of(extension.oid, {oid::kOcspNonce, oid::kOcspExtendedRevoked})) {
      return "the response has the critical extension " + der::oid_to_string(extension.oid);
    }
  }
  for (const ocsp::SingleResponseView& entry : basic.responses) {
    for (const der::ExtensionView& extension : entry.extensions) {
      if (extension.critical &&
          !is_any_of(extension.oid, {oid::kOcspArchiveCutoff, oid::kOcspCrlReference, oid::kCeReasonCode,
                                     oid::kCeInvalidityDate, oid::kCtSctListOcsp})) {
        return "an entry has the critical extension " + der::oid_to_string(extension.oid);
      }
    }
  }
  return std::nullopt;
}

/// Whether the nonce we sent came back. Nothing sent: whatever the answer holds is ignored (OCSP-CLI-043).
enum class NonceState : std::uint8_t { kNotAsked, kMatched, kMissing };
Result<NonceState, VerifyError> check_nonce(const ocsp::BasicResponseView& basic, const VerifyInput& input,
                                            const VerifyPolicy& policy) {
  if (!input.nonce_sent) {
    return NonceState::kNotAsked;
  }
  const auto extension = der::find_extension(basic.extensions, oid::kOcspNonce);
  if (!extension) {
    if (policy.nonce == NonceNeed::kRequired) {
      return refuse(VerifyErrc::kNonceMissing, "the answer lacks the nonce we sent, and policy requires it");
    }
    return NonceState::kMissing;
  }
  const auto nonce = ocsp::parse_nonce(extension->value);
  if (!nonce || !equal(nonce->octets, *input.nonce_sent)) {
    return refuse(VerifyErrc::kNonceMismatch,
                  "the answer carries another nonce than the one we sent: it was made for another question");
  }
  return NonceState::kMatched;
}

// ---- times and the choice among entries ------------------------------------------------------------------------

std::optional<VerifyError> check_times(const ocsp::SingleResponseView& entry, const VerifyPolicy& policy,
                                       UnixSeconds now) {
  const auto failed = [&](VerifyErrc code, std::string detail) {
    return VerifyError{code, std::move(detail), std::nullopt, std::nullopt,
                       StaleClaim{entry.status, entry.this_update, entry.next_update}};
  };
  if (entry.next_update && *entry.next_update < entry.this_update) {
    return failed(VerifyErrc::kInvalidInterval, "nextUpdate " + format_iso8601(*entry.next_update) +
                                                    " lies before thisUpdate " + format_iso8601(entry.this_update));
  }
  if (entry.this_update > now + policy.future_skew) {
    return failed(VerifyErrc::kNotYetValid, "thisUpdate " + format_iso8601(entry.this_update) + " lies " +
                                                format_duration(entry.this_update - now) +
                                                " ahead of the time of this check");
  }
  // Equality counts as expired: RFC 6960 section 3.2 wants nextUpdate greater than now (decision 014).
  if (entry.next_update && now >= *entry.next_update + policy.expiry_tolerance) {
    return failed(VerifyErrc::kExpired, "nextUpdate was " + format_iso8601(*entry.next_update) + ", " +
                                            format_duration(now - *entry.next_update) + " ago");
  }
  if (policy.max_age && now - entry.this_update > *policy.max_age) {
    return failed(VerifyErrc::kTooOld, "thisUpdate " + format_iso8601(entry.this_update) + " is " +
                                           format_duration(now - entry.this_update) + " old, more than " +
                                           format_duration(*policy.max_age));
  }
  if (!entry.next_update) {
    if (policy.next_update == NextUpdatePolicy::kRequired) {
      return failed(VerifyErrc::kNoNextUpdate, "nextUpdate is absent and policy requires it");
    }
    if (now - entry.this_update > policy.max_age_without_next_update) {
      return failed(VerifyErrc::kTooOld, "nextUpdate is absent and thisUpdate " +
                                             format_iso8601(entry.this_update) + " is " +
                                             format_duration(now - entry.this_update) + " old, more than " +
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

struct Chosen {
  ocsp::SingleResponseView entry;
  std::size_t matching;
};

/// Among the entries that name the certificate: the most severe current one; if none is current, the error of the newest.
Result<Chosen, VerifyError> choose_entry(const std::vector<ocsp::SingleResponseView>& matching,
                                         const VerifyPolicy& policy, UnixSeconds now) {
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
  return Chosen{*best, matching.size()};
}

UnixSeconds compute_expiry(const ocsp::SingleResponseView& entry, const pki::Certificate& signer,
                           const pki::Certificate& certificate, const VerifyPolicy& policy) {
  const UnixSeconds by_response =
      entry.next_update.value_or(entry.this_update + policy.max_age_without_next_update);
  return std::min({by_response, signer.not_after(), certificate.not_after()});
}

}  // namespace

Result<VerifiedResponse, VerifyError> verify(const VerifyInput& input, const VerifyPolicy& policy, UnixSeconds now) {
  const auto parsed = ocsp::parse_response(input.response, policy.limits);
  if (!parsed) {
    const bool other_type = parsed.error().code == der::DerErrc::kUnsupported &&
                            parsed.error().field == "responseType";
    return refuse(other_type ? VerifyErrc::kUnsupportedType : VerifyErrc::kMalformed,
                  "the response does not parse: " + to_string(parsed.error()));
  }
  if (parsed->status != ocsp::ResponseStatus::kSuccessful) {
    return Err{VerifyError{VerifyErrc::kResponseStatus,
                           "the responder answers " + std::string(ocsp::to_string(parsed->status)) +
                               ", which is unsigned and says nothing about the certificate",
                           parsed->status, std::nullopt, std::nullopt}};
  }
  const ocsp::BasicResponseView& basic = *parsed->basic;

  MUSTER_TRY(const FoundSigner signer, find_signer(basic, input, policy, now));
  // From here on the octets are what an authorised signer said; only now is their content looked at.
  if (auto problem = find_unknown_critical(basic)) {
    return refuse(VerifyErrc::kCriticalExtension, *problem + ", which must be understood and is not");
  }
  std::vector<ocsp::SingleResponseView> matching;
  for (const ocsp::SingleResponseView& entry : basic.responses) {
    if (pki::names(entry.cert_id, input.certificate, input.issuer)) {
      matching.push_back(entry);
    }
  }
  if (matching.empty()) {
    return refuse(VerifyErrc::kNoMatch, "none of the " + std::to_string(basic.responses.size()) +
                                            " entries names the certificate with serial " +
                                            input.certificate.serial().to_hex() + " of " +
                                            input.certificate.issuer_text());
  }
  MUSTER_TRY(const NonceState nonce, check_nonce(basic, input, policy));
  if (basic.produced_at + policy.future_skew < input.certificate.not_before()) {
    return refuse(VerifyErrc::kProducedBeforeCertificate,
                  "the response was signed at " + format_iso8601(basic.produced_at) +
                      ", before the certificate's notBefore " + format_iso8601(input.certificate.not_before()) +
                      ": the responder cannot have known this certificate");
  }
  MUSTER_TRY(const Chosen chosen, choose_entry(matching, policy, now));

  std::optional<UnixSeconds> archive_cutoff;
  if (const auto extension = der::find_extension(chosen.entry.extensions, oid::kOcspArchiveCutoff)) {
    const auto time = ocsp::parse_archive_cutoff(extension->value);
    if (!time) {
      return refuse(VerifyErrc::kMalformed, "archiveCutoff does not parse: " + to_string(time.error()));
    }
    archive_cutoff = *time;
  }
  return VerifierAccess::make(VerifiedResponse::Data{
      .der = to_buffer(input.response),
      .status = chosen.entry.status,
      .this_update = chosen.entry.this_update,
      .next_update = chosen.entry.next_update,
      .produced_at = basic.produced_at,
      .authority = signer.authority,
      .signer = signer.certificate,
      .certificate = input.certificate,
      .nonce_matched = nonce == NonceState::kMatched,
      .matching_entries = chosen.matching,
      .archive_cutoff = archive_cutoff,
      .effective_expiry = compute_expiry(chosen.entry, signer.certificate, input.certificate, policy),
      .signature_algorithm = pki::algorithm_text(basic.signature_algorithm),
  });
}

}  // namespace muster::client
