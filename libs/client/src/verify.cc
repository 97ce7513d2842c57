#include "muster/client/verify.h"

#include <algorithm>

#include "verified_response.h"
#include "verify_steps.h"

namespace muster::client {

Bytes VerifiedResponse::der() const { return data_->der; }
const ocsp::CertStatus& VerifiedResponse::status() const { return data_->status; }
UnixSeconds VerifiedResponse::this_update() const { return data_->this_update; }
std::optional<UnixSeconds> VerifiedResponse::next_update() const { return data_->next_update; }
UnixSeconds VerifiedResponse::produced_at() const { return data_->produced_at; }
pki::Authority VerifiedResponse::authority() const { return data_->authority; }
const pki::Certificate& VerifiedResponse::signer() const { return data_->signer; }
const Subject& VerifiedResponse::subject() const { return data_->subject; }
bool VerifiedResponse::nonce_matched() const { return data_->nonce_matched; }
std::size_t VerifiedResponse::matching_entries() const { return data_->matching_entries; }
std::optional<UnixSeconds> VerifiedResponse::archive_cutoff() const {
  return data_->archive_cutoff;
}
UnixSeconds VerifiedResponse::effective_expiry() const { return data_->effective_expiry; }
const std::string& VerifiedResponse::signature_algorithm() const {
  return data_->signature_algorithm;
}
bool VerifiedResponse::signer_needs_revocation_check() const {
  return data_->authority == pki::Authority::kDelegate && !data_->signer.facts().ocsp_no_check;
}

std::string_view to_string(VerifyErrc code) {
  switch (code) {
    case VerifyErrc::kMalformed:
      return "malformed-response";
    case VerifyErrc::kResponseStatus:
      return "responder-error";
    case VerifyErrc::kUnsupportedType:
      return "unsupported-response-type";
    case VerifyErrc::kSignerNotFound:
      return "signer-not-found";
    case VerifyErrc::kBadSignature:
      return "bad-signature";
    case VerifyErrc::kWeakSignature:
      return "weak-signature";
    case VerifyErrc::kUnsupportedSignature:
      return "unsupported-signature";
    case VerifyErrc::kSignerUnauthorised:
      return "signer-unauthorised";
    case VerifyErrc::kSignerRevoked:
      return "signer-revoked";
    case VerifyErrc::kCriticalExtension:
      return "critical-extension";
    case VerifyErrc::kNoMatch:
      return "certid-mismatch";
    case VerifyErrc::kNonceMismatch:
      return "nonce-mismatch";
    case VerifyErrc::kNonceMissing:
      return "nonce-missing";
    case VerifyErrc::kNotYetValid:
      return "response-not-yet-valid";
    case VerifyErrc::kExpired:
      return "response-expired";
    case VerifyErrc::kTooOld:
      return "response-too-old";
    case VerifyErrc::kNoNextUpdate:
      return "next-update-missing";
    case VerifyErrc::kProducedBeforeCertificate:
      return "produced-before-certificate";
    case VerifyErrc::kInvalidInterval:
      return "invalid-interval";
  }
  return "invalid";
}

namespace {

Err<VerifyError> refuse(VerifyErrc code, std::string detail) {
  return Err{VerifyError{code, std::move(detail), std::nullopt, std::nullopt, std::nullopt}};
}

UnixSeconds compute_expiry(const ocsp::SingleResponseView& entry, const pki::Certificate& signer,
                           const Subject& subject, const VerifyPolicy& policy) {
  const UnixSeconds by_response =
      entry.next_update.value_or(entry.this_update + policy.max_age_without_next_update);
  const UnixSeconds by_signer = std::min(by_response, signer.not_after());
  return subject.certificate() != nullptr ? std::min(by_signer, subject.certificate()->not_after())
                                          : by_signer;
}

}  // namespace

Result<VerifiedResponse, VerifyError> verify(const VerifyInput& input, const VerifyPolicy& policy,
                                             UnixSeconds now) {
  MUSTER_TRY(const ocsp::BasicResponseView basic, open_response(input.response, policy.limits));
  MUSTER_CHECK(check_issuer_name(input.subject, input.issuer));
  MUSTER_TRY(const FoundSigner signer,
             find_signer(basic, {&input.issuer, input.extra_certificates}, policy, now));
  // From here on the octets are what an authorised signer said; only now is their content looked
  // at.
  MUSTER_CHECK(check_extensions(basic));
  MUSTER_TRY(const std::vector<ocsp::SingleResponseView> matching,
             find_matching(basic, input.subject, input.issuer));
  MUSTER_TRY(const NonceState nonce, check_nonce(basic, input.nonce_sent, policy));
  MUSTER_CHECK(check_produced_at(basic, input.subject));
  MUSTER_TRY(const ocsp::SingleResponseView entry, choose_entry(matching, policy, now));

  std::optional<UnixSeconds> archive_cutoff;
  if (const auto extension = der::find_extension(entry.extensions, oid::kOcspArchiveCutoff)) {
    const auto time = ocsp::parse_archive_cutoff(extension->value);
    if (!time) {
      return refuse(VerifyErrc::kMalformed,
                    "archiveCutoff does not parse: " + to_string(time.error()));
    }
    archive_cutoff = *time;
  }
  return VerifierAccess::make(VerifiedResponse::Data{
      .der = to_buffer(input.response),
      .status = entry.status,
      .this_update = entry.this_update,
      .next_update = entry.next_update,
      .produced_at = basic.produced_at,
      .authority = signer.authority,
      .signer = signer.certificate,
      .subject = input.subject,
      .nonce_matched = nonce == NonceState::kMatched,
      .matching_entries = matching.size(),
      .archive_cutoff = archive_cutoff,
      .effective_expiry = compute_expiry(entry, signer.certificate, input.subject, policy),
      .signature_algorithm = pki::algorithm_text(basic.signature_algorithm),
  });
}

}  // namespace muster::client
