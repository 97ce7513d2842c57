#pragma once

#include <condition_variable>
#include <memory>

#include "muster/base/mutex.h"
#include "muster/base/time.h"

namespace muster::token {

/// The right to be inside a call that may never come back: one thread at a time has it. The others
/// wait until their own deadline at most, and not beyond that of the one inside: whoever overstays
/// hangs, and waiting for it would lose one more thread. Threads: any.
class Turn {
 public:
  struct GiveBack {
    void operator()(Turn* turn) const noexcept { turn->give_back(); }
  };
  using Held = std::unique_ptr<Turn, GiveBack>;  ///< not longer than the Turn itself

  Turn() = default;
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  /// Null when it was not to be had in time.
  [[nodiscard]] Held take(MonotonicTime deadline);
  /// For how long somebody has had it; zero: nobody has.
  [[nodiscard]] Milliseconds held_for() const;

 private:
  void give_back() noexcept;

  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  bool is_taken_ MUSTER_GUARDED_BY(mutex_) = false;
  MonotonicTime since_ MUSTER_GUARDED_BY(mutex_);
  MonotonicTime until_ MUSTER_GUARDED_BY(mutex_);  // deadline of the one inside
};

}  // namespace muster::token
