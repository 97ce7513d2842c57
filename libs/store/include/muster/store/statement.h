#pragma once

#include <optional>

#include "muster/store/store.h"

// What is told the world about a certificate's record, in OCSP answers and on CRLs alike.
namespace muster::store {

/// How certificates on hold are shown.
enum class HoldForm : std::uint8_t { kHold, kRevoked };

/// One CA's rules for it.
struct StatementRules {
  HoldForm hold = HoldForm::kHold;
  /// Reason for revocations recorded without one, or with one that must not be shown.
  std::optional<ReasonCode> default_reason{};
  /// The CA's key is lost: every certificate that is not revoked is, since then (cACompromise).
  std::optional<UnixSeconds> compromised_at{};
};

/// That a certificate is revoked, or on hold.
struct Statement {
  UnixSeconds since{};
  std::optional<ReasonCode> reason{};  ///< never unspecified (RFC 5280 section 5.3.1)
  std::optional<UnixSeconds> invalidity_date{};
  friend bool operator==(const Statement&, const Statement&) = default;
};

/// Nothing: the certificate stands. There is no other reading of a record: an OCSP answer and a CRL
/// that disagreed would let each relying party choose what to believe. Pure.
std::optional<Statement> statement_of(const StatementRules& rules, const Status& record);

}  // namespace muster::store
