#pragma once

#include <functional>
#include <initializer_list>
#include <memory>

#include "muster/base/file.h"
#include "muster/base/time.h"

namespace muster::net {

/// Receives readiness of one descriptor. Methods run on the loop's thread.
class FdHandler {
 public:
  virtual ~FdHandler() = default;
  virtual void on_ready(std::uint32_t epoll_events) noexcept = 0;
};

using TimerId = std::uint64_t;

/// What Loop::add says: a kernel may run out of room for watches.
enum class WatchResult : std::uint8_t { kWatched, kNoRoom };

/// One epoll loop; one thread runs it. A connection stays on the loop that accepted it. All methods
/// but post() and stop() belong to the loop's thread (or to whoever sets it up before run()).
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Watches `fd` (not owned; remove it before closing). `events` are EPOLLIN/EPOLLOUT/EPOLLET...
  WatchResult add(int fd, std::uint32_t events, FdHandler& handler);
  void modify(int fd, std::uint32_t events, FdHandler& handler);
  /// No event of `fd` reaches its handler any more, not even one already fetched from the kernel: a
  /// handler may remove and destroy itself or another.
  void remove(int fd);

  /// Runs `action` once at or after `when`. The id is never reused.
  TimerId at(MonotonicTime when, std::function<void()> action);
  TimerId after(Milliseconds delay, std::function<void()> action);
  /// Forgets a timer; one that ran already is no error.
  void cancel(TimerId id);

  /// Runs `action` on the loop's thread soon, never inside this call. Any thread. Actions still
  /// waiting when the loop is destroyed are dropped.
  void post(std::function<void()> action);
  /// Runs until stop(). May be called again.
  void run();
  /// Makes run() return soon, or the next run() at once. Any thread, also a signal handler.
  void stop();
  /// Monotonic time, read once a turn.
  [[nodiscard]] MonotonicTime now() const;
  /// Whether as many descriptors were ready at the last look as one turn takes: more are waiting,
  /// and what can be put off should be. The loop's thread only.
  [[nodiscard]] bool is_behind() const;
  /// Nothing that this turn handles was ready before: the last look that left nothing over; where
  /// there is no such for long, as many looks ago as see all there is; or now(), where there was
  /// nothing to do until then. The loop's thread only.
  [[nodiscard]] MonotonicTime ready_since() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Calls `action(signal)` on the loop's thread when one of the signals arrives (signalfd; blocks
/// them in this process's threads started later: create before starting threads). The destructor
/// restores the thread's signal mask.
class SignalWatch {
 public:
  SignalWatch(Loop& loop, std::initializer_list<int> signals, std::function<void(int)> action);
  ~SignalWatch();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::net
