#pragma once

#include <string>

#include "muster/keeper/keeper.h"

namespace muster::stapler {

/// A certificate that is not in the inventory and is looked after for a while all the same.
enum class KeptAs : std::uint8_t {
  kStaged,  ///< somebody waits for its staple, to put it into service then
  kFormer,  ///< another has taken its place in its file; servers may still use it
};
std::string_view to_string(KeptAs role);

struct Kept {
  keeper::Watched watched;
  KeptAs role = KeptAs::kStaged;
  UnixSeconds until{};
};

/// How long, and how many; beyond, the one that ends first goes.
inline constexpr Seconds kKeptFor{86400};
inline constexpr std::size_t kMaxKept = 1000;

}  // namespace muster::stapler
