#include "host.h"

#include <algorithm>

namespace muster::keeper {
namespace {

/// After this long without another try a failure is forgotten.
constexpr Milliseconds kForgiveness{600'000};

bool is_failure(OutcomeKind kind) {
  return kind == OutcomeKind::kUnreachable || kind == OutcomeKind::kRefused ||
         kind == OutcomeKind::kUnacceptable;
}

}  // namespace

FailureClass failure_of(const Outcome& outcome) {
  MUSTER_ASSERT(is_failure(outcome.kind));
  if (outcome.failure) {
    return *outcome.failure;
  }
  return outcome.kind == OutcomeKind::kUnreachable ? FailureClass::kUnreachable
         : outcome.kind == OutcomeKind::kRefused   ? FailureClass::kUnauthorized
                                                   : FailureClass::kMalformed;
}

bool Host::is_well(Instant now) const {
  return failures == 0 || now.steady - failed_at > kForgiveness;
}

bool Host::may_start(const PlanPolicy& policy, Instant now) const {
  // One at a time is enough to learn whether a host that failed is back.
  return rest_until <= now.steady && in_flight < (failures > 0 ? 1 : policy.per_host);
}

void Host::note(const Outcome& outcome, const PlanPolicy& policy, Instant now) {
  if (!is_failure(outcome.kind) || !policy_of(failure_of(outcome)).blames_host) {
    failures = 0;
    rest_until = now.steady;
    return;
  }
  ++failures;
  failed_at = now.steady;
  Milliseconds rest{0};
  if (failures >= policy.open_after) {
    const unsigned doublings = std::min(failures - policy.open_after, 20U);
    rest = std::min<Milliseconds>(policy.most_rest,
                                  Milliseconds(policy.first_rest) * (1U << doublings));
  }
  if (outcome.retry_after) {
    rest = std::max(rest, std::min<Milliseconds>(*outcome.retry_after, policy.most_rest));
  }
  rest_until = now.steady + rest;
}

}  // namespace muster::keeper
