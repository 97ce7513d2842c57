#pragma once

namespace muster::internal {
/// Prints the broken invariant to standard error and aborts. Async-signal-safe.
[[noreturn]] void assert_failed(const char* expression, const char* file, int line) noexcept;
}  // namespace muster::internal

/// Stops the process when an invariant of ours is broken; on in release builds. What a peer, a
/// file, a disk or a clock can cause is an error value instead, never an assert.
#define MUSTER_ASSERT(x) \
  (static_cast<bool>(x) ? void(0) : ::muster::internal::assert_failed(#x, __FILE__, __LINE__))
