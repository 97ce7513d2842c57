#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define MUSTER_TSA(x) __attribute__((x))
#else
#define MUSTER_TSA(x)
#endif
#define MUSTER_CAPABILITY(x) MUSTER_TSA(capability(x))
#define MUSTER_SCOPED_CAPABILITY MUSTER_TSA(scoped_lockable)
#define MUSTER_GUARDED_BY(x) MUSTER_TSA(guarded_by(x))
#define MUSTER_ACQUIRE(...) MUSTER_TSA(acquire_capability(__VA_ARGS__))
#define MUSTER_RELEASE(...) MUSTER_TSA(release_capability(__VA_ARGS__))
#define MUSTER_REQUIRES(...) MUSTER_TSA(requires_capability(__VA_ARGS__))

namespace muster {

/// std::mutex with the annotations Clang's thread-safety analysis needs (libstdc++'s has none).
class MUSTER_CAPABILITY("mutex") Mutex {
 public:
  void lock() MUSTER_ACQUIRE() { mutex_.lock(); }
  void unlock() MUSTER_RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class MUSTER_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& m) MUSTER_ACQUIRE(m) : mutex_(m) { mutex_.lock(); }
  ~MutexLock() MUSTER_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace muster
