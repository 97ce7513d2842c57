#pragma once

#include <optional>

#include "alphabet.h"

namespace muster::http {

/// The octet that the two hexadecimal digits at `at`, behind a '%', stand for; nothing without
/// them.
inline std::optional<std::uint8_t> read_escape(const char* at, const char* end) {
  if (end - at < 2) {
    return std::nullopt;
  }
  const std::uint8_t high = kHexValues[static_cast<unsigned char>(at[0])];
  const std::uint8_t low = kHexValues[static_cast<unsigned char>(at[1])];
  if (high == kNoDigit || low == kNoDigit) {
    return std::nullopt;
  }
  return static_cast<std::uint8_t>((high << 4) | low);
}

}  // namespace muster::http
