#include "turn.h"

#include <algorithm>

namespace muster::token {

Turn::Held Turn::take(MonotonicTime deadline) {
  const MutexLock lock(mutex_);
  while (is_taken_) {
    const MonotonicTime end = std::min(deadline, until_);
    if (std::chrono::steady_clock::now() >= end) {
      return nullptr;
    }
    changed_.wait_until(mutex_, end);
  }
  is_taken_ = true;
  since_ = std::chrono::steady_clock::now();
  until_ = deadline;
  return Held(this);
}

void Turn::give_back() noexcept {
  const MutexLock lock(mutex_);
  is_taken_ = false;
  changed_.notify_all();
}

Milliseconds Turn::held_for() const {
  const MutexLock lock(mutex_);
  return is_taken_ ? std::chrono::ceil<Milliseconds>(std::chrono::steady_clock::now() - since_)
                   : Milliseconds(0);
}

}  // namespace muster::token
