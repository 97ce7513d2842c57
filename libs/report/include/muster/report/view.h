#pragma once

#include <cstddef>
#include <cstdint>

#include "muster/base/time.h"

namespace muster::report {

enum class Colour : std::uint8_t { kPlain, kAnsi };

/// How wide lines may be at least: narrower screens are taken for this wide.
inline constexpr std::size_t kMinColumns = 40;

/// For whose eyes a report is, and when.
struct View {
  UnixSeconds now{};
  Colour colour = Colour::kPlain;
  std::size_t columns = 0;  ///< of the screen; 0: lines may be as long as they like
};

}  // namespace muster::report
