#include "muster/store/statement.h"

namespace muster::store {
namespace {

/// Absence says "unspecified" (RFC 5280 section 5.3.1), removal means something on deltas only, and
/// some CAs must always give a reason that means something (CA/B BR 7.3).
std::optional<ReasonCode> shown_reason(const StatementRules& rules,
                                       std::optional<ReasonCode> reason) {
  const bool says_nothing =
      !reason || *reason == ReasonCode::kUnspecified || *reason == ReasonCode::kRemoveFromCrl;
  if (rules.default_reason && (says_nothing || *reason == ReasonCode::kCertificateHold)) {
    return rules.default_reason;
  }
  return says_nothing ? std::nullopt : reason;
}

}  // namespace

std::optional<Statement> statement_of(const StatementRules& rules, const Status& record) {
  Statement said{record.revoked_at.value_or(UnixSeconds{}), std::nullopt, record.invalidity_date};
  switch (record.state) {
    case State::kGood:
      if (!rules.compromised_at) {
        return std::nullopt;
      }
      return Statement{*rules.compromised_at, ReasonCode::kCaCompromise, std::nullopt};
    case State::kHold:
      said.reason = rules.hold == HoldForm::kHold ? ReasonCode::kCertificateHold
                                                  : shown_reason(rules, std::nullopt);
      return said;
    case State::kRevoked:
      break;
  }
  said.reason = shown_reason(rules, record.reason);
  return said;
}

}  // namespace muster::store
