#include "schedule.h"

#include <algorithm>

namespace muster::keeper {
namespace {

using Real = std::chrono::duration<double>;

Milliseconds to_ms(Real r) { return std::chrono::duration_cast<Milliseconds>(r); }

/// For how long of a response's time servers make use of it.
Real window_of(const PlanPolicy& policy, const StapleFacts& staple) {
  const Real whole = staple.expires - staple.this_update;
  return whole - std::min(Real(policy.unused_end), whole / 2);
}

/// How long servers will go on to use it; once they have stopped, until it ends.
Real left_of(const PlanPolicy& policy, const StapleFacts& staple, UnixSeconds now) {
  const Real used = window_of(policy, staple) - Real(now - staple.this_update);
  return used > Real(0) ? used : Real(staple.expires - now);
}

Milliseconds bounded_by_max_refresh(const PlanPolicy& policy, Milliseconds delay, double chance) {
  if (policy.max_refresh) {
    delay = std::min(delay, to_ms(Real(*policy.max_refresh) * (1.0 - 0.1 * chance)));
  }
  return delay;
}

}  // namespace

Milliseconds least_interval(const StapleFacts& staple) {
  const Milliseconds window = staple.expires - staple.this_update;
  return std::clamp(window / 100, Milliseconds(1000), Milliseconds(60'000));
}

Milliseconds delay_after_answer(const PlanPolicy& policy, const StapleFacts& staple,
                                std::optional<Seconds> max_age, UnixSeconds now, double chance) {
  const Real window = window_of(policy, staple);
  const Real age = now - staple.this_update;  // negative while held back
  const Real remaining = left_of(policy, staple, now);
  const Real hint = max_age ? Real(*max_age) : Real(0);
  Real delay = window * (policy.refresh_at - policy.refresh_jitter * chance) - age;
  if (delay > Real(0)) {
    delay = std::max(delay, std::min(hint, window * policy.refresh_at - age));
  } else {
    delay = std::max(remaining * (0.25 - 0.05 * chance), std::min(hint, remaining * 0.5));
  }
  const Milliseconds bounded = bounded_by_max_refresh(policy, to_ms(delay), chance);
  const Milliseconds least =
      policy.max_refresh ? std::min(least_interval(staple), Milliseconds(*policy.max_refresh))
                         : least_interval(staple);
  return std::max({bounded, least, Milliseconds(1000)});
}

Milliseconds delay_after_failure(const PlanPolicy& policy, const StapleFacts* live,
                                 unsigned failures, Seconds failing_for,
                                 std::optional<Seconds> retry_after, UnixSeconds now, double chance,
                                 unsigned first) {
  Milliseconds cap, patience, least(1000);
  if (live != nullptr) {
    // Close to the end a try a second would only hammer, except where the whole window is minutes.
    least = std::clamp(Milliseconds(live->expires - live->this_update) / 500, Milliseconds(1000),
                       Milliseconds(10'000));
    const Milliseconds remaining = to_ms(left_of(policy, *live, now));
    cap = std::min<Milliseconds>(policy.most_retry, remaining / 20);
    patience = remaining / 4;
  } else {
    cap = std::clamp<Milliseconds>(
        Milliseconds(failing_for) / 20, Milliseconds(30'000),
        std::max(Milliseconds(30'000), Milliseconds(policy.most_retry_without)));
    patience = policy.most_retry_after;
  }
  cap = bounded_by_max_refresh(policy, cap, 0);
  const unsigned doublings = std::min(failures == 0 ? 0 : failures - 1, 20U);
  Milliseconds delay =
      std::min<Milliseconds>(Milliseconds(policy.first_retry) * first * (1U << doublings), cap);
  delay = to_ms(Real(delay) * (1.0 - 0.25 * chance));
  if (retry_after) {
    delay = std::max(delay, std::min<Milliseconds>(*retry_after, patience));
  }
  return std::max(delay,
                  policy.max_refresh ? std::min<Milliseconds>(least, *policy.max_refresh) : least);
}

Milliseconds delay_at_start(const PlanPolicy& policy, const StapleFacts* staple, UnixSeconds now,
                            double chance) {
  if (staple == nullptr || !staple->usable_at(now)) {
    return Milliseconds(0);
  }
  const Real window = window_of(policy, *staple);
  const Real until = window * (policy.refresh_at - policy.refresh_jitter * chance) -
                     Real(now - staple->this_update);
  if (until > Real(0)) {
    return bounded_by_max_refresh(policy, to_ms(until), chance);
  }
  return to_ms(std::min(Real(policy.start_spread), Real(staple->expires - now) / 20) * chance);
}

}  // namespace muster::keeper
