#pragma once

#include <algorithm>

namespace muster::stapler {

/// `first` doubled `times` over, at most `last`.
template <class D>
D backoff(D first, D last, unsigned times) {
  return times > 20 ? last : std::min<D>(last, first * (1U << times));
}

}  // namespace muster::stapler
