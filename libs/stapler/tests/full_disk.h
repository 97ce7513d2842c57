#pragma once

#include <sys/resource.h>

#include <csignal>

namespace muster::stapler::testing_staples {

/// Larger files cannot be written meanwhile, but files can be removed: a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(::rlim_t most) : before_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &limit_);
    ::rlimit full = limit_;
    full.rlim_cur = most;
    ::setrlimit(RLIMIT_FSIZE, &full);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &limit_);
    ::signal(SIGXFSZ, before_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  ::rlimit limit_{};
  void (*before_)(int);
};

}  // namespace muster::stapler::testing_staples
