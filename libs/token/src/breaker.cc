#include "breaker.h"

#include <algorithm>

namespace muster::token {

Breaker::Admission Breaker::ask(MonotonicTime now) {
  if (!paused_) {
    return Admission::kGo;
  }
  if (probing_ || now < until_) {
    return Admission::kRefused;
  }
  probing_ = true;
  return Admission::kProbe;
}

void Breaker::succeeded() {
  failures_ = 0;
  paused_ = probing_ = false;
  pause_ = Milliseconds(0);
}

void Breaker::failed(MonotonicTime now) {
  const bool was_probe = std::exchange(probing_, false);
  if (paused_ && !was_probe) {
    return;  // begun before the pause: says nothing new
  }
  ++failures_;
  if (paused_ || failures_ >= failures_to_pause_) {
    paused_ = true;
    pause_ = std::clamp(pause_ * 2, pause_first_, pause_most_);
    until_ = now + pause_;
  }
}

void Breaker::withdrawn() { probing_ = false; }

pki::KeyHealth Breaker::health(MonotonicTime now) const {
  if (!paused_) {
    return pki::KeyHealth::kWell;
  }
  return now < until_ || probing_ ? pki::KeyHealth::kFailing : pki::KeyHealth::kProbeDue;
}

Milliseconds Breaker::left(MonotonicTime now) const {
  return paused_ && now < until_ ? std::chrono::ceil<Milliseconds>(until_ - now) : Milliseconds(0);
}

}  // namespace muster::token
