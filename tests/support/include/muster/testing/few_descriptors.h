#pragma once

#include <sys/resource.h>

#include "muster/base/assert.h"

namespace muster::testing {

/// As long as it lives the process may have `most` descriptors (the soft limit); those it has open
/// stay.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t most) {
    MUSTER_ASSERT(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const rlimit few{most, before_.rlim_max};
    MUSTER_ASSERT(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace muster::testing
