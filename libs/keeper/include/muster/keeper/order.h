#pragma once

#include <optional>
#include <string_view>

#include "muster/client/verify.h"

// Which of two verified responses deserves to be on offer: the rule "never replace good by worse"
// as a pure function (decision 020).
namespace muster::keeper {

enum class StapleStatus : std::uint8_t {
  kGood,
  kOnHold,  ///< revoked with certificateHold: the only revocation that may end (RFC 5280
            ///< section 5.3.1)
  kRevoked,
  kUnknown,
};
/// "good", "on hold", "revoked", "unknown".
std::string_view to_string(StapleStatus status);

/// What deciding and planning need of a verified response.
struct StapleFacts {
  StapleStatus status = StapleStatus::kGood;
  UnixSeconds this_update{};
  UnixSeconds expires{};  ///< not to be offered at or after this instant; at most
                          ///< VerifiedResponse::effective_expiry()

  [[nodiscard]] bool usable_at(UnixSeconds now) const {
    return this_update <= now && now < expires;
  }
  friend bool operator==(const StapleFacts&, const StapleFacts&) = default;
};

/// What to do with a candidate. kTake... put it on offer, kHoldBack keeps it aside until
/// thisUpdate, the others leave what is held.
enum class Choice : std::uint8_t {
  kTake,
  kTakeRevocation,     ///< news: good (or nothing) gives way to revoked or on hold; raise an alarm
  kTakeReinstatement,  ///< a hold was lifted
  kHoldBack,           ///< thisUpdate lies ahead, and then it would be taken (OCSP-STAP-006)
  kSame,               ///< no newer than what is held
  kOlder,              ///< thisUpdate before that of what is held
  kExpired,
  kUnknownStatus,     ///< "unknown" is never stapled
  kRevocationStands,  ///< a revocation that is not a hold is not undone by "good"
};
std::string_view to_string(Choice choice);
constexpr bool takes(Choice c) {
  return c == Choice::kTake || c == Choice::kTakeRevocation || c == Choice::kTakeReinstatement;
}

/// Judges a verified candidate against what is held (nothing: null) at `now`. Among equals in
/// status the newer thisUpdate wins, then the later expiry; a revocation beats good whatever its
/// age; good beats a hold only when newer, and a final revocation never while that lives. Threads:
/// pure.   req: OCSP-STAP-002
Choice judge_candidate(const StapleFacts& candidate, const StapleFacts* held, UnixSeconds now);

}  // namespace muster::keeper
