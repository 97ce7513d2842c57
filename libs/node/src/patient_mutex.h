#pragma once

#include <condition_variable>
#include <mutex>

#include "muster/base/time.h"

namespace muster::node {

/// A mutex that can be waited for so long and no longer. std::timed_mutex does the same through
/// pthread_mutex_clocklock, which GCC's ThreadSanitizer does not see before GCC 14: with it,
/// nothing that the mutex guards could be checked. Threads: any.
class PatientMutex {
 public:
  void lock() {
    std::unique_lock lock(mutex_);
    free_.wait(lock, [this] { return !is_held_; });
    is_held_ = true;
  }
  bool try_lock() { return try_lock_for(Milliseconds(0)); }
  bool try_lock_for(Milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (!free_.wait_for(lock, patience, [this] { return !is_held_; })) {
      return false;
    }
    return is_held_ = true;
  }
  void unlock() {
    const std::lock_guard lock(mutex_);
    is_held_ = false;
    free_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable free_;
  bool is_held_ = false;
};

}  // namespace muster::node
