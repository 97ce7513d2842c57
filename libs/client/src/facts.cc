#include "muster/client/verdict.h"

namespace muster::client {

std::string_view to_string(Fact fact) {
  switch (fact) {
    case Fact::kNotReached:
      return "not-reached";
    case Fact::kHolds:
      return "holds";
    case Fact::kFails:
      return "fails";
  }
  return "invalid";
}

namespace {

/// The rule that a code breaks, in the order of verify().
Fact Facts::*broken_rule(VerifyErrc code) {
  switch (code) {
    case VerifyErrc::kMalformed:
    case VerifyErrc::kUnsupportedType:
    case VerifyErrc::kCriticalExtension:
      return &Facts::parse;
    case VerifyErrc::kResponseStatus:
      return &Facts::response_status;
    case VerifyErrc::kSignerNotFound:
    case VerifyErrc::kSignerUnauthorised:
    case VerifyErrc::kSignerRevoked:
      return &Facts::authority;
    case VerifyErrc::kBadSignature:
    case VerifyErrc::kWeakSignature:
    case VerifyErrc::kUnsupportedSignature:
      return &Facts::signature;
    case VerifyErrc::kNoMatch:
      return &Facts::certid_match;
    case VerifyErrc::kNonceMismatch:
    case VerifyErrc::kNonceMissing:
      return &Facts::nonce;
    case VerifyErrc::kNotYetValid:
    case VerifyErrc::kExpired:
    case VerifyErrc::kTooOld:
    case VerifyErrc::kNoNextUpdate:
    case VerifyErrc::kInvalidInterval:
    case VerifyErrc::kProducedBeforeCertificate:
      return &Facts::times;
  }
  return &Facts::parse;
}

constexpr Fact Facts::*kOrder[] = {&Facts::parse,     &Facts::response_status, &Facts::authority,
                                   &Facts::signature, &Facts::certid_match,    &Facts::nonce,
                                   &Facts::times};

Facts facts_of_failure(const LiveFailure& failure, bool nonce_sent) {
  Facts facts;
  if (failure.code == LiveErrc::kNoUrl) {
    return facts;
  }
  facts.transport = failure.code == LiveErrc::kTransport ? Fact::kFails : Fact::kHolds;
  if (!failure.verify) {
    return facts;
  }
  const auto broken = broken_rule(failure.verify->code);
  for (const auto rule : kOrder) {
    if (rule == broken) {
      facts.*rule = Fact::kFails;
      break;
    }
    facts.*rule = Fact::kHolds;
  }
  if (!nonce_sent && facts.nonce == Fact::kHolds) {
    facts.nonce = Fact::kNotReached;
  }
  if (failure.verify->code == VerifyErrc::kCriticalExtension ||
      failure.verify->code == VerifyErrc::kSignerRevoked) {
    // Both are found behind the signature: what came before them held.
    facts.response_status = facts.signature = Fact::kHolds;
    facts.authority =
        failure.verify->code == VerifyErrc::kSignerRevoked ? Fact::kFails : Fact::kHolds;
  }
  return facts;
}

Facts facts_of_response(const VerifiedResponse& response) {
  Facts facts;
  facts.transport = Fact::kHolds;
  for (const auto rule : kOrder) {
    facts.*rule = Fact::kHolds;
  }
  facts.nonce = response.nonce_matched() ? Fact::kHolds : Fact::kNotReached;
  facts.cert_status = response.status();
  return facts;
}

}  // namespace

Facts facts_of(const Evidence& evidence) {
  if (const auto* failure = std::get_if<LiveFailure>(&evidence.content)) {
    return facts_of_failure(*failure, evidence.nonce_sent);
  }
  if (const auto* response = std::get_if<VerifiedResponse>(&evidence.content)) {
    return facts_of_response(*response);
  }
  Facts facts;
  if (const auto* failed = std::get_if<CrlFailure>(&evidence.content)) {
    facts.transport = failed->code == LiveErrc::kTransport ? Fact::kFails : Fact::kHolds;
  } else if (const auto* crl = std::get_if<CrlAnswer>(&evidence.content)) {
    facts.transport = facts.parse = facts.authority = facts.signature = facts.times = Fact::kHolds;
    facts.cert_status = crl->status;
  }
  return facts;
}

}  // namespace muster::client
