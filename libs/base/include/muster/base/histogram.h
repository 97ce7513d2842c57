#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace muster {

/// Upper ends of classes of durations, rising; what is longer falls into one class more.
using DurationBounds = std::array<std::chrono::microseconds, 18>;
using std::chrono_literals::operator""us;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
/// From a remembered answer to one that waited for a token until nobody waits any more.
inline constexpr DurationBounds kAnswerBounds{10us,  25us,   50us, 100us,  250us, 500us,
                                              1ms,   2500us, 5ms,  10ms,   25ms,  50ms,
                                              100ms, 250ms,  1s,   2500ms, 10s,   30s};
/// From "at once" to what no service level permits.
inline constexpr DurationBounds kPropagationBounds{1ms,   5ms,  10ms, 50ms,  100ms,  250ms,
                                                   500ms, 1s,   2s,   5s,    10s,    30s,
                                                   60s,   300s, 900s, 3600s, 21600s, 86400s};

/// How many durations fell into each class. Plain numbers.
struct DurationCounts {
  std::array<std::uint64_t, DurationBounds{}.size() + 1> counts{};
  std::uint64_t sum_us = 0;

  void add(const DurationBounds& bounds, std::chrono::nanoseconds duration) {
    ++counts[class_of(bounds, duration)];
    sum_us += static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
  }
  void add(const DurationCounts& o) {
    for (std::size_t i = 0; i < counts.size(); ++i) {
      counts[i] += o.counts[i];
    }
    sum_us += o.sum_us;
  }
  static std::size_t class_of(const DurationBounds& bounds, std::chrono::nanoseconds duration) {
    std::size_t i = 0;
    while (i < bounds.size() && duration > bounds[i]) {
      ++i;
    }
    return i;
  }
};

/// The same while it is counted. Threads: one adds, any read. Neither allocates nor locks.
class DurationHistogram {
 public:
  /// \param bounds  outlives it
  explicit DurationHistogram(const DurationBounds& bounds) : bounds_(bounds) {}

  void add(std::chrono::nanoseconds duration) {
    raise(counts_[DurationCounts::class_of(bounds_, duration)], 1);
    raise(sum_ns_, static_cast<std::uint64_t>(duration.count()));
  }
  [[nodiscard]] DurationCounts read() const {
    DurationCounts out;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      out.counts[i] = counts_[i].load(std::memory_order_relaxed);
    }
    out.sum_us = sum_ns_.load(std::memory_order_relaxed) / 1000;
    return out;
  }

 private:
  static void raise(std::atomic<std::uint64_t>& number, std::uint64_t by) {
    number.store(number.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  const DurationBounds& bounds_;
  std::array<std::atomic<std::uint64_t>, DurationBounds{}.size() + 1> counts_{};
  std::atomic<std::uint64_t> sum_ns_{0};
};

}  // namespace muster
