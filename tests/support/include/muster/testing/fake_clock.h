#pragma once

#include <atomic>

#include "muster/base/time.h"

namespace muster::testing {

/// 2026-11-24T10:00:00Z: the instant tests live at unless they say otherwise.
inline constexpr UnixSeconds kTestNow = unix_seconds(1795514400);

/// A clock that stands still until told. Both of its clocks move together. Threads: any.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(UnixSeconds start = kTestNow) : now_ms_(to_int(start) * 1000) {}

  [[nodiscard]] UnixSeconds now() const override {
    return std::chrono::floor<Seconds>(
        std::chrono::sys_time<Milliseconds>(Milliseconds(now_ms_.load())));
  }
  [[nodiscard]] MonotonicTime monotonic() const override {
    return MonotonicTime(Milliseconds(now_ms_.load() + offset_ms_.load()));
  }
  void advance(Milliseconds by) { now_ms_ += by.count(); }
  /// Sets the wall clock; the monotonic one does not jump, as in a machine whose time is corrected.
  void jump_to(UnixSeconds t) {
    const std::int64_t target = to_int(t) * 1000;
    offset_ms_ += now_ms_.exchange(target) - target;
  }

 private:
  std::atomic<std::int64_t> now_ms_;
  std::atomic<std::int64_t> offset_ms_{0};
};

}  // namespace muster::testing
