#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "muster/base/time.h"

namespace muster::signers {

/// How near the end of a signer is. Names are stable: they become metric labels.
enum class ExpiryLevel : std::uint8_t {
  kFar,
  kSoon,    ///< 14 days or less
  kUrgent,  ///< 3 days or less
  kEnded,
};
inline constexpr Seconds kExpirySoon = std::chrono::hours(14 * 24);
inline constexpr Seconds kExpiryUrgent = std::chrono::hours(3 * 24);
std::string_view to_string(ExpiryLevel level);
ExpiryLevel expiry_level(UnixSeconds end, UnixSeconds now);
/// Whole days left, rounded down; negative when it has ended.
std::int64_t days_left(UnixSeconds end, UnixSeconds now);

/// Tells each alarm once: when something comes nearer to its end than it was, not each time
/// somebody looks. Pure. Threads: one at a time.
class ExpiryAlarms {
 public:
  /// The level to be told now; nothing when there is no news. A renewed one (an end further away)
  /// is forgotten silently and may be told again.
  std::optional<ExpiryLevel> look(const std::string& who, UnixSeconds end, UnixSeconds now);

 private:
  std::map<std::string, ExpiryLevel, std::less<>> told_;
};

}  // namespace muster::signers
