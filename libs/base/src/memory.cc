#include "muster/base/memory.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

namespace muster {

#ifdef __GLIBC__
namespace {

/// Octets in memory that no file backs: heaps, stacks, data. Nothing where /proc is not to be read.
std::optional<std::size_t> resident() {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/proc/self/statm", "re"),
                                                   std::fclose);
  std::size_t total = 0, all = 0, shared = 0;  // pages
  if (file == nullptr || std::fscanf(file.get(), "%zu %zu %zu", &total, &all, &shared) != 3 ||
      all < shared) {
    return std::nullopt;
  }
  return (all - shared) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Octets that are resident and in no block in use. Stacks and data are among them: constant.
std::optional<std::ptrdiff_t> idle() {
  const std::optional<std::size_t> all = resident();
  if (!all) {
    return std::nullopt;
  }
  const struct mallinfo2 pools = ::mallinfo2();
  return static_cast<std::ptrdiff_t>(*all) -
         static_cast<std::ptrdiff_t>(pools.uordblks + pools.hblkhd);
}

}  // namespace
#endif

MemoryReturn::MemoryReturn() {
#ifdef __GLIBC__
  ::mallopt(M_MMAP_THRESHOLD, kLarge);
  ::mallopt(M_TRIM_THRESHOLD, kLarge);
#endif
}

bool MemoryReturn::look(std::size_t worthwhile) {
#ifdef __GLIBC__
  const std::optional<std::ptrdiff_t> before = idle();
  if (!before) {
    return false;
  }
  if (least_idle_) {
    least_idle_ = std::min(*least_idle_, *before);
    if (*before - *least_idle_ < static_cast<std::ptrdiff_t>(worthwhile)) {
      return false;
    }
  }
  ::malloc_trim(0);
  least_idle_ = idle();
  return true;
#else
  static_cast<void>(worthwhile);
  return false;
#endif
}

}  // namespace muster
