#include "map_gate.h"

#include "muster/base/assert.h"

namespace muster::store {

void MapGate::enter() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !closing(); });
  ++inside_;
}

void MapGate::leave() {
  const std::lock_guard lock(mutex_);
  MUSTER_ASSERT(inside_ > 0);
  if (--inside_ == 0 && closing()) {
    changed_.notify_all();
  }
}

MapGate::Closed MapGate::close(Milliseconds patience) {
  std::unique_lock lock(mutex_);
  MUSTER_ASSERT(!closing());
  closing_.store(true, std::memory_order_relaxed);
  if (changed_.wait_for(lock, patience, [this] { return inside_ == 0; })) {
    return Closed::kYes;
  }
  closing_.store(false, std::memory_order_relaxed);
  changed_.notify_all();
  return Closed::kTimedOut;
}

void MapGate::open() {
  const std::lock_guard lock(mutex_);
  closing_.store(false, std::memory_order_relaxed);
  changed_.notify_all();
}

void WriterQueue::lock(Urgency urgency) {
  std::unique_lock lock(mutex_);
  if (urgency == Urgency::kChange) {
    ++urgent_;
    changed_.wait(lock, [this] { return !taken_; });
    --urgent_;
  } else {
    changed_.wait(lock, [this] { return !taken_ && urgent_ == 0; });
  }
  taken_ = true;
}

void WriterQueue::unlock() {
  const std::lock_guard lock(mutex_);
  taken_ = false;
  changed_.notify_all();
}

}  // namespace muster::store
