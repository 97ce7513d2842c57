#pragma once

#include "muster/keeper/plan.h"

namespace muster::keeper {

/// The class of an outcome that is a failure.
FailureClass failure_of(const Outcome& outcome);

/// A host of responders, reached by one egress, as the plan sees it: how it does, and who waits to
/// ask it.
struct Host {
  std::string name;  ///< "host:port", and "#1" behind it for the second egress
  unsigned in_flight = 0;
  unsigned failures = 0;  ///< consecutive, to reach it
  MonotonicTime failed_at{};
  MonotonicTime asked_at{};
  MonotonicTime rest_until{};
  TimedFingerprints<MonotonicTime> waiting;

  /// No failure, or none for so long that it is asked first again, in the order of the URLs.
  [[nodiscard]] bool is_well(Instant now) const;
  [[nodiscard]] bool may_start(const PlanPolicy& policy, Instant now) const;
  /// A fetch from it has ended: after failures in a row it rests, longer each time.
  void note(const Outcome& outcome, const PlanPolicy& policy, Instant now);
};

struct ByName {
  bool operator()(const Host* a, const Host* b) const { return a->name < b->name; }
};

}  // namespace muster::keeper
