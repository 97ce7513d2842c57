#pragma once

#include <cstdint>
#include <string_view>

// What can go wrong with one question, and what follows from it: a row of values for each class
// (decision 052), so that no class is treated by accident.
namespace muster::keeper {

/// Why a question brought nothing of use. Stable: to_string is in status.json and metrics.
enum class FailureClass : std::uint8_t {
  kUnreachable,   ///< name, connection, TLS, timeout, cut short
  kServerError,   ///< HTTP 5xx, 408, 429
  kHttpRefused,   ///< any other HTTP status but 200
  kTooLarge,      ///< more octets or redirects than allowed, or a destination that is not allowed
  kTryLater,      ///< OCSP tryLater or internalError
  kUnauthorized,  ///< OCSP unauthorized, malformedRequest, sigRequired
  kMalformed,     ///< no OCSP response
  kWrongCertId,   ///< about other certificates
  kBadSignature,  ///< not signed, or not by who may
  kNotYetValid,   ///< thisUpdate further ahead than is waited for
  kExpired,       ///< authentic, but its time has passed, or too old, or without a time it needs
  kUnknown,       ///< an authentic "unknown"
  kNotBetter,     ///< authentic, but what is held and expired says more
};
inline constexpr std::size_t kFailureClasses = 13;
/// "unreachable", "server-error", "http-refused"...
std::string_view to_string(FailureClass failure);

/// What follows. In every class what is held stays on offer until it expires.
struct FailurePolicy {
  bool blames_host;      ///< counts against the host: after some in a row it is left alone a while
  bool blames_way;       ///< another egress may help: it is tried in the same round
  bool blames_cache;     ///< the next try is a POST, which caches do not answer
  bool quiet_when_new;   ///< no news about a certificate issued a short while ago (OCSP-STAP-021)
  unsigned first_retry;  ///< times PlanPolicy::first_retry; then doubling as always
};
const FailurePolicy& policy_of(FailureClass failure);

}  // namespace muster::keeper
