#pragma once

#include <optional>

#include "muster/base/time.h"

namespace muster::source {

struct FetchTiming {
  Seconds refresh{3600};            ///< between two looks at a host that answers
  Milliseconds retry_first{5'000};  ///< after a failure; doubled each time
  Milliseconds retry_most{600'000};
};
/// A host's Retry-After is heeded up to this.
inline constexpr Seconds kMostRetryAfter{3600};

/// Decides when a CRL is fetched again. Pure: what happened and the time go in. `chance` lies in
/// [0, 1) and spreads the load.
class FetchPlan {
 public:
  explicit FetchPlan(const FetchTiming& timing) : timing_(timing) {}
  [[nodiscard]] bool is_due(MonotonicTime now) const { return now >= next_; }
  [[nodiscard]] MonotonicTime next() const { return next_; }

  /// \param left  of the life of the CRL in use, when it has an end: it is asked for well before,
  /// and often when it is over
  void succeeded(MonotonicTime now, std::optional<Seconds> left, double chance);
  void failed(MonotonicTime now, std::optional<Seconds> retry_after, double chance);
  /// As soon as possible.
  void hurry(MonotonicTime now) { next_ = now; }

 private:
  Milliseconds back_off(double chance);

  FetchTiming timing_;
  MonotonicTime next_{};
  unsigned failures_ = 0;
};

}  // namespace muster::source
