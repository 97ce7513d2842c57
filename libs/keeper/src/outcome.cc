#include "muster/keeper/outcome.h"

namespace muster::keeper {

OutcomeKind outcome_of(const client::LiveFailure& failure) {
  switch (failure.code) {
    case client::LiveErrc::kNoUrl:
      return OutcomeKind::kUnacceptable;
    case client::LiveErrc::kUnacceptable:
      return OutcomeKind::kUnacceptable;
    case client::LiveErrc::kResponderError: {
      const auto status = failure.verify->response_status;
      const bool passing = status == ocsp::ResponseStatus::kTryLater ||
                           status == ocsp::ResponseStatus::kInternalError;
      return passing ? OutcomeKind::kUnreachable : OutcomeKind::kRefused;
    }
    case client::LiveErrc::kTransport:
      break;
  }
  switch (failure.fetch->code) {
    case net::FetchErrc::kBadUrl:
    case net::FetchErrc::kForbidden:
    case net::FetchErrc::kTooLarge:
    case net::FetchErrc::kTooManyRedirects:
      return OutcomeKind::kUnacceptable;
    case net::FetchErrc::kHttpStatus: {
      const unsigned status = failure.fetch->http_status;
      return status >= 500 || status == 429 || status == 408 ? OutcomeKind::kUnreachable
                                                             : OutcomeKind::kRefused;
    }
    case net::FetchErrc::kResolve:
    case net::FetchErrc::kConnect:
    case net::FetchErrc::kTls:
    case net::FetchErrc::kTimeout:
    case net::FetchErrc::kProtocol:
    case net::FetchErrc::kCancelled:
      break;
  }
  return OutcomeKind::kUnreachable;
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
      return held && held->usable_at(now) ? OutcomeKind::kNothingNewer : OutcomeKind::kUnacceptable;
    case Choice::kExpired:
      return OutcomeKind::kUnacceptable;
    case Choice::kUnknownStatus:
      return OutcomeKind::kRefused;
  }
  return OutcomeKind::kTaken;
}

}  // namespace muster::keeper
