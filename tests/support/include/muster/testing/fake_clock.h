#pragma once

#include <atomic>

#include "muster/base/time.h"

namespace muster::testing {

/// 2026-11-24T10:00:00Z: the instant tests live at unless they say otherwise.
inline constexpr UnixSeconds kTestNow = unix_seconds(1795514400);

/// A clock that stands still until told. Both of its clocks move together. Threads: any.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(UnixSeconds start = kTestNow) : ahead_ms_(to_int(start) * 1000) {}

  [[nodiscard]] UnixSeconds now() const override {
    return std::chrono::floor<Seconds>(
        std::chrono::sys_time<Milliseconds>(Milliseconds(run_ms_.load() + ahead_ms_.load())));
  }
  [[nodiscard]] MonotonicTime monotonic() const override {
    return MonotonicTime(Milliseconds(kStartedMs + run_ms_.load()));
  }
  void advance(Milliseconds by) { run_ms_ += by.count(); }
  /// Sets the wall clock; the monotonic one does not jump, as in a machine whose time is corrected.
  void jump_to(UnixSeconds t) { ahead_ms_ = to_int(t) * 1000 - run_ms_.load(); }

 private:
  /// The monotonic clock of a machine that has run for a day: further back is before its start.
  static constexpr std::int64_t kStartedMs = 86'400'000;
  std::atomic<std::int64_t> run_ms_{0};
  std::atomic<std::int64_t> ahead_ms_;  ///< the wall clock, less run_ms_
};

}  // namespace muster::testing
