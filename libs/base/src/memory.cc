#include "muster/base/memory.h"

#include <malloc.h>

#include <algorithm>

namespace muster {

bool MemoryReturn::look(std::size_t worthwhile) {
#ifdef __GLIBC__
  const std::size_t free_now = ::mallinfo2().fordblks;
  least_free_ = std::min(least_free_, free_now);
  if (free_now - least_free_ < worthwhile) {
    return false;
  }
  ::malloc_trim(0);
  least_free_ = ::mallinfo2().fordblks;  // free as before, but no longer resident
  return true;
#else
  static_cast<void>(worthwhile);
  return false;
#endif
}

}  // namespace muster
