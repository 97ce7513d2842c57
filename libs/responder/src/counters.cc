#include "muster/responder/counters.h"

namespace muster::responder {

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::kNone:
      return "none";
    case Cause::kBadEncoding:
      return "bad_encoding";
    case Cause::kBadRequest:
      return "bad_request";
    case Cause::kBadNonce:
      return "bad_nonce";
    case Cause::kCriticalExtension:
      return "critical_extension";
    case Cause::kUnknownHash:
      return "unknown_hash";
    case Cause::kUnknownIssuer:
      return "unknown_issuer";
    case Cause::kSeveralIssuers:
      return "several_issuers";
    case Cause::kUnissued:
      return "unissued";
    case Cause::kUnlisted:
      return "unlisted";
    case Cause::kSourceNotLoaded:
      return "source_not_loaded";
    case Cause::kSourceStale:
      return "source_stale";
    case Cause::kStoreUnreadable:
      return "store_unreadable";
    case Cause::kSignerExpired:
      return "signer_expired";
    case Cause::kSigningFailed:
      return "signing_failed";
    case Cause::kClockUnsure:
      return "clock_unsure";
    case Cause::kSigningLimit:
      return "signing_limit";
    case Cause::kSignerUnavailable:
      return "signer_unavailable";
    case Cause::kSigningQueueFull:
      return "signing_queue_full";
    case Cause::kRateLimited:
      return "rate_limited";
    case Cause::kClientRefused:
      return "client_refused";
    case Cause::kNonceMissing:
      return "nonce_missing";
    case Cause::kUnsigned:
      return "unsigned";
    case Cause::kBadSignature:
      return "bad_signature";
    case Cause::kRequestorRefused:
      return "requestor_refused";
    case Cause::kVerifyingLimit:
      return "verifying_limit";
    case Cause::kRetired:
      return "retired";
    case Cause::kResponseTooLarge:
      return "response_too_large";
    case Cause::kNoPath:
      return "no_path";
    case Cause::kRouted:
      return "routed";
  }
  return "?";
}

ocsp::ResponseStatus status_for(Cause cause) {
  switch (cause) {
    case Cause::kNone:
      return ocsp::ResponseStatus::kSuccessful;
    case Cause::kBadEncoding:
    case Cause::kBadRequest:
    case Cause::kBadNonce:
    case Cause::kCriticalExtension:
      return ocsp::ResponseStatus::kMalformedRequest;
    case Cause::kUnknownHash:
    case Cause::kUnknownIssuer:
    case Cause::kSeveralIssuers:
    case Cause::kUnissued:
    case Cause::kUnlisted:
    case Cause::kClientRefused:
    case Cause::kNonceMissing:
    case Cause::kNoPath:
    case Cause::kBadSignature:
    case Cause::kRequestorRefused:
    case Cause::kRetired:
      return ocsp::ResponseStatus::kUnauthorized;
    case Cause::kUnsigned:
      return ocsp::ResponseStatus::kSigRequired;
    case Cause::kSourceNotLoaded:
    case Cause::kSourceStale:
    case Cause::kSignerExpired:
    case Cause::kClockUnsure:
    case Cause::kSignerUnavailable:
    case Cause::kSigningQueueFull:
    case Cause::kSigningLimit:
    case Cause::kRateLimited:
    case Cause::kVerifyingLimit:
    case Cause::kRouted:
      return ocsp::ResponseStatus::kTryLater;
    case Cause::kStoreUnreadable:
    case Cause::kSigningFailed:
    case Cause::kResponseTooLarge:
      return ocsp::ResponseStatus::kInternalError;
  }
  return ocsp::ResponseStatus::kInternalError;
}

IssuerCounters& IssuerCounterTable::of(store::IssuerId issuer) {
  const MutexLock lock(mutex_);
  auto& block = blocks_[issuer];
  if (block == nullptr) {
    block = std::make_unique<IssuerCounters>();
  }
  return *block;
}

void IssuerCounterTable::visit(
    const std::function<void(store::IssuerId, const IssuerCounters&)>& see) const {
  const MutexLock lock(mutex_);
  for (const auto& [issuer, block] : blocks_) {
    see(issuer, *block);
  }
}

SignerCounters& SignerCounterTable::of(store::IssuerId issuer, std::string_view signer) {
  const MutexLock lock(mutex_);
  Blocks& blocks = blocks_[issuer];
  auto found = blocks.find(signer);
  if (found == blocks.end()) {
    found = blocks.emplace(std::string(signer), std::make_unique<SignerCounters>()).first;
  }
  return *found->second;
}

void SignerCounterTable::visit(const std::function<void(store::IssuerId, const std::string& signer,
                                                        const SignerCounters&)>& see) const {
  const MutexLock lock(mutex_);
  for (const auto& [issuer, blocks] : blocks_) {
    for (const auto& [signer, block] : blocks) {
      see(issuer, signer, *block);
    }
  }
}

}  // namespace muster::responder
