#include "fetch_plan.h"

#include <algorithm>

namespace muster::source {
namespace {

Milliseconds scaled(Milliseconds delay, double factor) {
  return Milliseconds(static_cast<Milliseconds::rep>(static_cast<double>(delay.count()) * factor));
}

}  // namespace

Milliseconds FetchPlan::back_off(double chance) {
  constexpr unsigned kMostDoublings = 20;
  const Milliseconds delay = timing_.retry_first * (1LL << std::min(failures_, kMostDoublings));
  ++failures_;
  return scaled(std::min(delay, timing_.retry_most), 1.0 - chance / 2);
}

void FetchPlan::succeeded(MonotonicTime now, std::optional<Seconds> left, double chance) {
  if (left && *left <= Seconds(0)) {  // the host has nothing newer than what is over
    next_ = now + std::min<Milliseconds>(back_off(chance), timing_.refresh);
    return;
  }
  failures_ = 0;
  Milliseconds delay = timing_.refresh;
  if (left) {
    delay = std::max(timing_.retry_first, std::min<Milliseconds>(delay, *left / 2));
  }
  next_ = now + scaled(delay, 1.0 - chance / 10);
}

void FetchPlan::failed(MonotonicTime now, std::optional<Seconds> retry_after, double chance) {
  Milliseconds delay = back_off(chance);
  if (retry_after) {
    delay = std::max<Milliseconds>(delay, std::min(*retry_after, kMostRetryAfter));
  }
  next_ = now + delay;
}

}  // namespace muster::source
