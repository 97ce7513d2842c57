#pragma once

#include "muster/keeper/plan.h"

// The arithmetic of the plan: how long to wait. Pure functions with tables of examples in
// tests/schedule_test.cc.
namespace muster::keeper {

/// splitmix64: small, good enough for jitter, and the same on every platform (std distributions are
/// not).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  /// 0 <= x < 1.
  double next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
  }

 private:
  std::uint64_t state_;
};

/// How long after a verified answer to ask again. `staple` is what is held (or held back) now;
/// `chance` in [0,1). Before the refresh point: until there; a server's max-age may delay it up to
/// refresh_at. Behind it (an answer that was no newer): a quarter of what remains, or max-age up to
/// half of that.
Milliseconds delay_after_answer(const PlanPolicy& policy, const StapleFacts& staple,
                                std::optional<Seconds> max_age, UnixSeconds now, double chance);

/// How long after the `failures`-th failed round (1, 2, ...) to try again: doubling from `first`
/// times first_retry, capped at min(most_retry, 5 % of what remains); with nothing to staple at 5 %
/// of the time it has been so, within 30 s and most_retry_without. Retry-After lengthens it up to a
/// quarter of what remains; never below 1 s, or 0.2 % of the window up to 10 s.
Milliseconds delay_after_failure(const PlanPolicy& policy, const StapleFacts* live,
                                 unsigned failures, Seconds failing_for,
                                 std::optional<Seconds> retry_after, UnixSeconds now, double chance,
                                 unsigned first = 1);

/// First fetch of a subject just added, which holds `staple` (null: nothing usable).
Milliseconds delay_at_start(const PlanPolicy& policy, const StapleFacts* staple, UnixSeconds now,
                            double chance);

/// Shortest time between two questions about one certificate: 1 % of the window, within 1 s and 60
/// s.
Milliseconds least_interval(const StapleFacts& staple);

}  // namespace muster::keeper
