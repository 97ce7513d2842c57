#pragma once

#include <cstddef>

namespace muster {

/// Gives memory back that was freed. The C library keeps a pool for every few threads, and of a
/// pool only the end goes back to the system: what a thread freed in the middle (a generation of
/// remembered answers, say) stays resident, in each pool anew. To be asked now and then by a thread
/// that nobody waits for.   Threads: one asks at a time.
class MemoryReturn {
 public:
  /// Freed octets that are worth the walk through all pools, during which threads that allocate may
  /// wait for milliseconds.
  static constexpr std::size_t kWorthwhile = std::size_t{8} << 20;

  /// Returns memory if `worthwhile` octets were freed since it did so last and are not in use
  /// again; whether it did.
  bool look(std::size_t worthwhile = kWorthwhile);

 private:
  std::size_t least_free_ = 0;  ///< in all pools, since memory was last returned
};

}  // namespace muster
