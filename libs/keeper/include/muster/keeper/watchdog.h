#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "muster/base/time.h"

namespace muster::keeper {

/// Notices, on a thread of its own, that a count which ought to grow stands still: turns of a
/// keeper whose loop hangs in a disk or in a bug (decision 052). A process that was stopped (a
/// debugger, a frozen container) has not stalled: what it did not see itself does not count.
/// Threads: any.
class Watchdog {
 public:
  /// \param count  Keeper::turns(), say. Called on the watchdog's thread.
  /// \param stalled  Called there once the count has stood still for `limit`, and again each time
  ///                 it has done so for as long again, with how long it has been; with zero once it
  ///                 moves again.
  Watchdog(std::function<std::uint64_t()> count, Milliseconds limit,
           std::function<void(Milliseconds)> stalled);
  /// Waits for the callback that is running.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What the watchdog goes by, without thread and clock.
class StallJudge {
 public:
  explicit StallJudge(Milliseconds limit) : limit_(limit) {}
  /// The count at an instant. What is to be told: how long it has stood still, zero when it moves
  /// again, nothing when there is no news. A pause of more than the limit between two looks is not
  /// counted as standing still: nobody ran then.
  std::optional<Milliseconds> look(std::uint64_t count, MonotonicTime now);

 private:
  const Milliseconds limit_;
  std::optional<std::uint64_t> count_;
  MonotonicTime moved_{}, looked_{};
  unsigned told_ = 0;
};

}  // namespace muster::keeper
