#include "clock_sanity.h"

#include <algorithm>

namespace muster::keeper {

void ClockSanity::note(const Fingerprint& authority, Seconds ahead, MonotonicTime now) {
  if (words_.size() < kMostAuthorities || words_.count(authority) != 0) {
    words_.insert_or_assign(authority, Word{ahead, now});
  }
}

std::optional<Seconds> ClockSanity::suspicion(MonotonicTime now) const {
  std::size_t behind = 0, ahead = 0, in_order = 0;
  Seconds least_behind = Seconds::max(), least_ahead = Seconds::max();
  for (const auto& [authority, word] : words_) {
    if (now - word.at > kMemory) {
      continue;
    }
    if (word.ahead > kTolerance) {
      ++behind;
      least_behind = std::min(least_behind, word.ahead);
    } else if (word.ahead < Seconds(0)) {
      ++ahead;
      least_ahead = std::min(least_ahead, -word.ahead);
    } else {
      ++in_order;
    }
  }
  if (behind >= kFewest && behind >= 4 * (in_order + ahead)) {
    return least_behind;
  }
  if (ahead >= kFewest && ahead >= 4 * (in_order + behind)) {
    return -least_ahead;
  }
  return std::nullopt;
}

}  // namespace muster::keeper
