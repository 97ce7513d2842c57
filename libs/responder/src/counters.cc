#include "muster/responder/counters.h"

namespace muster::responder {

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::kNone: return "none";
    case Cause::kBadEncoding: return "bad_encoding";
    case Cause::kBadRequest: return "bad_request";
    case Cause::kBadNonce: return "bad_nonce";
    case Cause::kCriticalExtension: return "critical_extension";
    case Cause::kUnknownHash: return "unknown_hash";
    case Cause::kUnknownIssuer: return "unknown_issuer";
    case Cause::kSeveralIssuers: return "several_issuers";
    case Cause::kUnissued: return "unissued";
    case Cause::kUnlisted: return "unlisted";
    case Cause::kSourceNotLoaded: return "source_not_loaded";
    case Cause::kSourceStale: return "source_stale";
    case Cause::kStoreUnreadable: return "store_unreadable";
    case Cause::kSignerExpired: return "signer_expired";
    case Cause::kSigningFailed: return "signing_failed";
    case Cause::kClockUnsure: return "clock_unsure";
    case Cause::kSigningLimit: return "signing_limit";
  }
  return "?";
}

ocsp::ResponseStatus status_for(Cause cause) {
  switch (cause) {
    case Cause::kNone: return ocsp::ResponseStatus::kSuccessful;
    case Cause::kBadEncoding:
    case Cause::kBadRequest:
    case Cause::kBadNonce:
    case Cause::kCriticalExtension: return ocsp::ResponseStatus::kMalformedRequest;
    case Cause::kUnknownHash:
    case Cause::kUnknownIssuer:
    case Cause::kSeveralIssuers:
    case Cause::kUnissued:
    case Cause::kUnlisted: return ocsp::ResponseStatus::kUnauthorized;
    case Cause::kSourceNotLoaded:
    case Cause::kSourceStale:
    case Cause::kSignerExpired:
    case Cause::kClockUnsure:
    case Cause::kSigningLimit: return ocsp::ResponseStatus::kTryLater;
    case Cause::kStoreUnreadable:
    case Cause::kSigningFailed: return ocsp::ResponseStatus::kInternalError;
  }
  return ocsp::ResponseStatus::kInternalError;
}

}  // namespace muster::responder
