#pragma once

#include <map>

#include "muster/keeper/plan.h"

namespace muster::keeper {

/// What authentic answers say about our wall clock. When those of several CAs, and hardly any
/// others, begin ahead of it or have ended before they arrive, it is not the CAs (decision 052).
/// Pure.
class ClockSanity {
 public:
  /// Answers that begin so much ahead are in order: CAs' clocks differ.
  static constexpr Seconds kTolerance{120};
  /// Each CA's last word counts, for so long.
  static constexpr Milliseconds kMemory{6 * 3'600'000};
  static constexpr std::size_t kFewest = 2;  ///< CAs that must agree
  static constexpr std::size_t kMostAuthorities = 4096;

  /// An answer of a CA began `ahead` of our clock; negative: it had ended so long ago; zero: it was
  /// in order.
  void note(const Fingerprint& authority, Seconds ahead, MonotonicTime now);
  /// Our clock was set: what was said of the one before says nothing about it.
  void forget() { words_.clear(); }
  /// By how much our clock seems to be behind (positive) or ahead (negative) at least.
  [[nodiscard]] std::optional<Seconds> suspicion(MonotonicTime now) const;

 private:
  struct Word {
    Seconds ahead;
    MonotonicTime at;
  };
  std::map<Fingerprint, Word> words_;
};

}  // namespace muster::keeper
