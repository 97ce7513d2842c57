#include "explain_words.h"

#include "muster/base/text.h"

namespace muster::responder {

std::string_view sentence(Cause cause) {
  switch (cause) {
    case Cause::kNone:
      return "answered";
    case Cause::kBadEncoding:
      return "the GET path is not base64 of a request";
    case Cause::kBadRequest:
      return "the octets are no OCSPRequest, or pass a limit (max_certificates)";
    case Cause::kBadNonce:
      return "a nonce has 1 to 128 octets (RFC 9654), or to 32 with nonce = \"rfc8954\"";
    case Cause::kCriticalExtension:
      return "a critical extension is not known here (RFC 6960 section 4.1.2)";
    case Cause::kUnknownHash:
      return "the CertID is made with a hash that is not answered; see sha1 and cert_id_hashes";
    case Cause::kUnknownIssuer:
      return "no issuer configured has this name and key; compare the hashes with those of your CA "
             "certificates";
    case Cause::kSeveralIssuers:
      return "no one signer may speak for all certificates asked about; ask issuer by issuer";
    case Cause::kUnissued:
      return "the serial was never issued, and unissued = \"unauthorized\"";
    case Cause::kUnlisted:
      return "the CRL does not name the serial, and unlisted = \"unauthorized\" or is not decided";
    case Cause::kSourceNotLoaded:
      return "the source of this issuer was never read; see its messages in the log";
    case Cause::kSourceStale:
      return "what the source said is over: a CRL past its nextUpdate, or a source unread for a "
             "whole validity";
    case Cause::kStoreUnreadable:
      return "the status database cannot be read; see muster store check";
    case Cause::kSignerExpired:
      return "no signer's certificate is valid now, or the CA's has ended; renew it and reload";
    case Cause::kSigningFailed:
      return "no signer could sign; see the messages about its key";
    case Cause::kClockUnsure:
      return "the clock may be wrong by more than max_clock_error";
    case Cause::kSigningLimit:
      return "more signatures in this second than signatures_per_second";
    case Cause::kSignerUnavailable:
      return "the token that holds the signer's key does not answer now; see the messages about "
             "its key";
    case Cause::kSigningQueueFull:
      return "more answers wait for a token than signing_jobs or signing_waiting";
    case Cause::kRateLimited:
      return "more requests than requests_per_second or requests_per_source";
    case Cause::kClientRefused:
      return "the client's network is not among clients of this issuer";
    case Cause::kNonceMissing:
      return "nonce = \"require\", and the request has none";
    case Cause::kUnsigned:
      return "request_signatures = \"required\", and the request is not signed";
    case Cause::kBadSignature:
      return "the request's signature does not verify, or nobody can tell whose it is";
    case Cause::kNoPath:
      return "the request's signature verifies, but no path leads from who made it to "
             "requestor_anchors";
    case Cause::kRequestorRefused:
      return "the request is signed by somebody who is not among requestors";
    case Cause::kVerifyingLimit:
      return "more signatures tried for signed requests in this second than "
             "request_checks_per_second";
    case Cause::kRetired:
      return "the certificate expired longer ago than retain_expired; or before its CRL, which "
             "then need not name it, while archive_cutoff promises retention";
    case Cause::kResponseTooLarge:
      return "the answer would be longer than max_response";
    case Cause::kRouted:
      return "not answered here: the request is sent on to another responder";
  }
  return "";
}

std::string_view sentence(Rule rule) {
  switch (rule) {
    case Rule::kRecord:
      return "the store has a record of this serial";
    case Rule::kCompromisedCa:
      return "compromised_at is set: every certificate of this CA counts as revoked";
    case Rule::kUnissued:
      return "the source lists all it issued, and this serial is not among them: unissued decides";
    case Rule::kUnlisted:
      return "the source lists revocations alone, and this serial is not among them: unlisted "
             "decides";
  }
  return "";
}

std::string text_of(const std::optional<store::Status>& record) {
  if (!record) {
    return "no record";
  }
  std::string text;
  switch (record->state) {
    case store::State::kGood:
      text = "good";
      break;
    case store::State::kRevoked:
      text = "revoked";
      break;
    case store::State::kHold:
      text = "on hold";
      break;
  }
  if (record->revoked_at) {
    text += " since " + format_iso8601(*record->revoked_at);
  }
  if (record->reason) {
    text += ", " + std::string(to_string(*record->reason));
  }
  if (record->expires) {
    text += ", expires " + format_iso8601(*record->expires);
  }
  return text;
}

std::string text_of(const Issuer& issuer, const store::IssuerState* state) {
  if (state == nullptr ||
      (issuer.terms.origin != DataOrigin::kStoreItself && state->loaded_at == UnixSeconds{})) {
    return "never read";
  }
  std::string text;
  if (state->this_update) {
    text = "CRL of " + format_iso8601(*state->this_update);
    text += state->crl_number ? ", number " + to_hex(*state->crl_number) : "";
    text += state->next_update ? ", until " + format_iso8601(*state->next_update) : "";
  } else if (issuer.terms.origin == DataOrigin::kStoreItself) {
    text = "the store itself";
  } else {
    text = "read " + format_iso8601(state->loaded_at);
  }
  return text + (state->knows_issued == store::KnowsIssued::kYes ? "; lists all it issued"
                                                                 : "; lists revocations alone");
}

}  // namespace muster::responder
