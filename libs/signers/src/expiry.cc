#include "muster/signers/expiry.h"

namespace muster::signers {

std::string_view to_string(ExpiryLevel level) {
  switch (level) {
    case ExpiryLevel::kFar:
      return "far";
    case ExpiryLevel::kSoon:
      return "soon";
    case ExpiryLevel::kUrgent:
      return "urgent";
    case ExpiryLevel::kEnded:
      return "ended";
  }
  return "?";
}

ExpiryLevel expiry_level(UnixSeconds end, UnixSeconds now) {
  const Seconds left = end - now;
  return left <= Seconds(0)      ? ExpiryLevel::kEnded
         : left <= kExpiryUrgent ? ExpiryLevel::kUrgent
         : left <= kExpirySoon   ? ExpiryLevel::kSoon
                                 : ExpiryLevel::kFar;
}

std::int64_t days_left(UnixSeconds end, UnixSeconds now) {
  return std::chrono::floor<std::chrono::days>(end - now).count();
}

std::optional<ExpiryLevel> ExpiryAlarms::look(const std::string& who, UnixSeconds end,
                                              UnixSeconds now) {
  const ExpiryLevel level = expiry_level(end, now);
  ExpiryLevel& told = told_[who];
  const bool is_news = level > told;
  told = level;
  return is_news ? std::optional(level) : std::nullopt;
}

}  // namespace muster::signers
