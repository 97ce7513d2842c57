#pragma once

#include <optional>
#include <string>

#include "muster/base/result.h"
#include "muster/base/time.h"

// What an operator decides. Pure values and the rules that bind them; nothing here reads a file or a clock.
namespace muster::responder {

/// Answer for a serial that a source listing all it issued does not know (decision 011). Never good.
enum class UnissuedAnswer : std::uint8_t {
  kUnknown,       ///< signed answer, status unknown
  kUnauthorized,  ///< unsigned refusal
  kRevoked,       ///< revoked since 1970, certificateHold, extended-revoked (RFC 6960 section 2.2)
};
/// Answer for a serial that a source listing revocations alone does not name. No default: only the operator can know whether
/// everything unlisted was issued (decision 011).
enum class UnlistedAnswer : std::uint8_t { kGood, kUnknown, kUnauthorized };

/// Which nonces come back (decision 010). 0 and more than 128 octets are malformed under every policy.
enum class NoncePolicy : std::uint8_t {
  kEcho,          ///< every nonce of 1..128 octets
  kEchoStandard,  ///< 16..32 octets; others are answered without (RFC 9654 section 2.1)
  kIgnore,        ///< none: every answer may be a remembered one
};
enum class ResponderIdForm : std::uint8_t { kByKey, kByName };
enum class Sha1CertIds : std::uint8_t { kAnswered, kRefused };
/// kWeb adds what the CA/Browser Forum and the root programs demand.
enum class Profile : std::uint8_t { kGeneral, kWeb };

/// One issuer's rules.
struct IssuerPolicy {
  Profile profile = Profile::kGeneral;
  UnissuedAnswer unissued = UnissuedAnswer::kUnknown;
  std::optional<UnlistedAnswer> unlisted;
  /// From thisUpdate to nextUpdate, both ends counted: 7 days put 604,799 seconds between the fields.
  Seconds validity{7 * 86400};
  /// A remembered answer is signed anew at this age; nothing: half of `validity`.
  std::optional<Seconds> refresh;
  ResponderIdForm responder_id = ResponderIdForm::kByKey;
  /// The CA's key is lost: every certificate of it is revoked (cACompromise) since then (RFC 6960 section 2.7).
  std::optional<UnixSeconds> compromised_at;
};

/// Rules of the whole responder.
struct Policy {
  NoncePolicy nonce = NoncePolicy::kEcho;
  Sha1CertIds sha1 = Sha1CertIds::kAnswered;
  std::size_t max_certificates = 32;     ///< in one request; more is malformed
  std::size_t ready_answers = 32768;     ///< remembered per loop
  /// Nothing is signed while the clock may be wrong by more than this, or is not synchronised at all (RFC 9919 section 5).
  std::optional<Milliseconds> max_clock_error;
  std::size_t signatures_per_second = 0; ///< per loop, beyond it tryLater; zero: no limit
};

struct PolicyError {
  std::string detail;  ///< which rule, why, what to do
};
/// Whether the rules can hold together: validity at least a minute, refresh shorter than validity; for the web profile 8 hours
/// to 10 days, and no certificateHold for serials never issued.
Result<Unit, PolicyError> check_policy(const IssuerPolicy& policy);

/// Age at which an answer is signed anew. Web profile: half of a validity under 16 hours, else at most 8 hours before nextUpdate,
/// 4 days after thisUpdate and half of the validity (CA/B BR 4.9.9, Microsoft 3.2.2).
Seconds refresh_age(const IssuerPolicy& policy);

}  // namespace muster::responder
