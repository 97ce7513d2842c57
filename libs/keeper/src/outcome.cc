#include "muster/keeper/outcome.h"

namespace muster::keeper {

namespace {

FailureClass classify(const client::VerifyError& error) {
  switch (error.code) {
    case client::VerifyErrc::kMalformed:
    case client::VerifyErrc::kUnsupportedType:
    case client::VerifyErrc::kCriticalExtension:
    case client::VerifyErrc::kInvalidInterval:
    case client::VerifyErrc::kProducedBeforeCertificate:
      break;
    case client::VerifyErrc::kResponseStatus: {
      const auto status = error.response_status;
      const bool passing = status == ocsp::ResponseStatus::kTryLater ||
                           status == ocsp::ResponseStatus::kInternalError;
      return passing ? FailureClass::kTryLater : FailureClass::kUnauthorized;
    }
    case client::VerifyErrc::kSignerNotFound:
    case client::VerifyErrc::kBadSignature:
    case client::VerifyErrc::kWeakSignature:
    case client::VerifyErrc::kUnsupportedSignature:
    case client::VerifyErrc::kSignerUnauthorised:
    case client::VerifyErrc::kSignerRevoked:
    case client::VerifyErrc::kNonceMismatch:
    case client::VerifyErrc::kNonceMissing:
      return FailureClass::kBadSignature;
    case client::VerifyErrc::kNoMatch:
      return FailureClass::kWrongCertId;
    case client::VerifyErrc::kNotYetValid:
      return FailureClass::kNotYetValid;
    case client::VerifyErrc::kExpired:
    case client::VerifyErrc::kTooOld:
    case client::VerifyErrc::kNoNextUpdate:
      return FailureClass::kExpired;
  }
  return FailureClass::kMalformed;
}

FailureClass classify(const net::FetchError& error) {
  switch (error.code) {
    case net::FetchErrc::kBadUrl:
    case net::FetchErrc::kForbidden:
    case net::FetchErrc::kTooLarge:
    case net::FetchErrc::kTooManyRedirects:
      return FailureClass::kTooLarge;
    case net::FetchErrc::kHttpStatus: {
      const unsigned status = error.http_status;
      return status >= 500 || status == 429 || status == 408 ? FailureClass::kServerError
                                                             : FailureClass::kHttpRefused;
    }
    case net::FetchErrc::kResolve:
    case net::FetchErrc::kConnect:
    case net::FetchErrc::kTls:
    case net::FetchErrc::kTimeout:
    case net::FetchErrc::kProtocol:
    case net::FetchErrc::kCancelled:
      break;
  }
  return FailureClass::kUnreachable;
}

}  // namespace

FailureClass classify(const client::LiveFailure& failure) {
  switch (failure.code) {
    case client::LiveErrc::kNoUrl:
      break;
    case client::LiveErrc::kUnacceptable:
    case client::LiveErrc::kResponderError:
      return failure.verify ? classify(*failure.verify) : FailureClass::kMalformed;
    case client::LiveErrc::kTransport:
      return failure.fetch ? classify(*failure.fetch) : FailureClass::kUnreachable;
  }
  return FailureClass::kTooLarge;
}

FailureClass classify(Choice choice) {
  switch (choice) {
    case Choice::kUnknownStatus:
      return FailureClass::kUnknown;
    case Choice::kExpired:
      return FailureClass::kExpired;
    case Choice::kTake:
    case Choice::kTakeRevocation:
    case Choice::kTakeReinstatement:
    case Choice::kHoldBack:
    case Choice::kSame:
    case Choice::kOlder:
    case Choice::kRevocationStands:
      break;
  }
  return FailureClass::kNotBetter;
}

OutcomeKind outcome_of(const client::LiveFailure& failure) {
  switch (classify(failure)) {
    case FailureClass::kUnreachable:
    case FailureClass::kServerError:
    case FailureClass::kTryLater:
      return OutcomeKind::kUnreachable;
    case FailureClass::kHttpRefused:
    case FailureClass::kUnauthorized:
    case FailureClass::kUnknown:
      return OutcomeKind::kRefused;
    case FailureClass::kTooLarge:
    case FailureClass::kMalformed:
    case FailureClass::kWrongCertId:
    case FailureClass::kBadSignature:
    case FailureClass::kNotYetValid:
    case FailureClass::kExpired:
    case FailureClass::kNotBetter:
      break;
  }
  return OutcomeKind::kUnacceptable;
}

OutcomeKind outcome_of(Choice choice, const std::optional<StapleFacts>& held, UnixSeconds now) {
  switch (choice) {
    case Choice::kTake:
    case Choice::kTakeRevocation:
    case Choice::kTakeReinstatement:
      break;
    case Choice::kHoldBack:
      return OutcomeKind::kHeldBack;
    case Choice::kSame:
    case Choice::kOlder:
    case Choice::kRevocationStands:
      // What is held has begun once: if it seems to lie ahead, the clock was set back.
      return held && now < held->expires ? OutcomeKind::kNothingNewer : OutcomeKind::kUnacceptable;
    case Choice::kExpired:
      return OutcomeKind::kUnacceptable;
    case Choice::kUnknownStatus:
      return OutcomeKind::kRefused;
  }
  return OutcomeKind::kTaken;
}

}  // namespace muster::keeper
