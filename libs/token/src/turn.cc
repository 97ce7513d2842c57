#include "turn.h"

#include <algorithm>

namespace muster::token {

Turn::Held Turn::take(MonotonicTime deadline) {
  const MutexLock lock(mutex_);
  for (;;) {
    const MonotonicTime end = is_taken_ ? std::min(deadline, until_) : deadline;
    if (std::chrono::steady_clock::now() >= end) {
      return nullptr;  // nor is anything begun that is late already
    }
    if (!is_taken_) {
      break;
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
