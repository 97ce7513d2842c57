#include <algorithm>

#include "muster/client/verify.h"

namespace muster::client {

std::string_view to_string(Freshness state) {
  switch (state) {
    case Freshness::kFresh:
      return "fresh";
    case Freshness::kDue:
      return "due";
    case Freshness::kLate:
      return "late";
    case Freshness::kCritical:
      return "critical";
    case Freshness::kExpired:
      return "expired";
    case Freshness::kNotYetValid:
      return "not-yet-valid";
    case Freshness::kNoNextUpdate:
      return "no-next-update";
  }
  return "invalid";
}

Freshness classify_freshness(UnixSeconds this_update, std::optional<UnixSeconds> next_update,
                             UnixSeconds now, Seconds future_skew) {
  if (this_update > now + future_skew) {
    return Freshness::kNotYetValid;
  }
  if (!next_update) {
    return Freshness::kNoNextUpdate;
  }
  if (now >= *next_update) {
    return Freshness::kExpired;
  }
  const Seconds total = *next_update - this_update;
  const Seconds left = *next_update - now;
  constexpr Seconds kLongInterval = std::chrono::hours(8);
  constexpr Seconds kLastHour = std::chrono::hours(1);
  if (left * 10 <= total || (total >= kLongInterval && left < kLastHour)) {
    return Freshness::kCritical;
  }
  if (left * 100 <= total * 33) {
    return Freshness::kLate;
  }
  return left * 2 <= total ? Freshness::kDue : Freshness::kFresh;
}

std::optional<double> share_left(UnixSeconds this_update, std::optional<UnixSeconds> next_update,
                                 UnixSeconds now) {
  if (!next_update || *next_update <= this_update) {
    return std::nullopt;
  }
  const double total = static_cast<double>((*next_update - this_update).count());
  const double left = static_cast<double>((*next_update - now).count());
  return std::clamp(left / total, 0.0, 1.0);
}

}  // namespace muster::client
