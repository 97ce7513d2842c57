#include "muster/base/thread.h"

#include <sys/resource.h>

namespace muster {

void give_way() {
  constexpr int kNice = 10;  // a tenth of the weight of nice 0
  // Of Linux: "who" 0 is the calling thread alone. Being nicer is always allowed.
  if (::getpriority(PRIO_PROCESS, 0) < kNice) {
    ::setpriority(PRIO_PROCESS, 0, kNice);
  }
}

}  // namespace muster
