#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "muster/base/time.h"

namespace muster::store {

/// Lets transactions run side by side and the memory map be replaced only while none does: LMDB
/// allows the map to be resized only when the process has no active transaction. Threads: every
/// method from any thread.
class MapGate {
 public:
  /// Before a transaction starts. Waits while the map is being replaced.
  void enter();
  /// After it ended.
  void leave();
  /// Whether somebody waits for transactions to end. A reader that sees it leaves at its next
  /// renew().
  [[nodiscard]] bool closing() const { return closing_.load(std::memory_order_relaxed); }

  enum class Closed : std::uint8_t { kYes, kTimedOut };
  /// Keeps newcomers out and waits until all have left. After kYes call open(); after kTimedOut it
  /// is open again.
  Closed close(Milliseconds patience);
  void open();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> closing_{false};
  unsigned inside_ = 0;  // guarded by mutex_
};

/// Orders this process's writers before they queue for LMDB's own lock (which is not fair): bulk
/// work lets every single change go first.
enum class Urgency : std::uint8_t { kChange, kBulk };
class WriterQueue {
 public:
  void lock(Urgency urgency);
  void unlock();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool taken_ = false;   // guarded by mutex_
  unsigned urgent_ = 0;  // guarded by mutex_: changes that wait
};

class WriterTurn {
 public:
  WriterTurn(WriterQueue& queue, Urgency urgency) : queue_(queue) { queue_.lock(urgency); }
  ~WriterTurn() { queue_.unlock(); }
  WriterTurn(const WriterTurn&) = delete;
  WriterTurn& operator=(const WriterTurn&) = delete;

 private:
  WriterQueue& queue_;
};

}  // namespace muster::store
