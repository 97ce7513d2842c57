#pragma once

#include <cstddef>
#include <optional>

namespace muster {

/// Gives memory back that was freed. The C library keeps a pool for every few threads, and of a
/// pool only the end goes back to the system: what a thread freed in the middle (a generation of
/// remembered answers, say) stays resident, in each pool anew. To be asked now and then by a thread
/// that nobody waits for.   Threads: one asks at a time.
class MemoryReturn {
 public:
  /// Octets that are worth the walk through all pools, during which threads that allocate may wait
  /// for milliseconds.
  static constexpr std::size_t kWorthwhile = std::size_t{8} << 20;
  /// Octets of a block that is mapped apart, and of a pool's end that goes back.
  static constexpr int kLarge = 1 << 20;

  /// Has large blocks of the whole process mapped apart, so that they go back as soon as they are
  /// freed, and the ends of pools not kept: the C library otherwise stops to do so for blocks of
  /// the size of the largest that was ever freed (32 MiB at most), and look() cannot reach them.
  MemoryReturn();

  /// Returns memory the first time, and whenever `worthwhile` octets more than after it did so last
  /// are resident and not in use; whether it did. Told by what is resident now rather than by what
  /// was freed: what was taken from a pool and freed between two looks is resident again, too.
  bool look(std::size_t worthwhile = kWorthwhile);

 private:
  /// Resident and not in use, at its least since memory was returned; negative where large blocks
  /// in use were never touched.
  std::optional<std::ptrdiff_t> least_idle_;
};

}  // namespace muster
