#pragma once

#include <functional>
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

/// One epoll loop; one thread runs it. A connection stays on the loop that accepted it. All methods but post() and stop()
/// belong to the loop's thread (or to whoever sets it up before run()).
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Watches `fd` (not owned; remove it before closing). `events` are EPOLLIN/EPOLLOUT/EPOLLET...
  void add(int fd, std::uint32_t events, FdHandler& handler);
  void modify(int fd, std::uint32_t events, FdHandler& handler);
  void remove(int fd);

  /// Runs `action` once at or after `when`. The id is never reused.
  TimerId at(MonotonicTime when, std::function<void()> action);
  TimerId after(Milliseconds delay, std::function<void()> action);
  void cancel(TimerId id);

  /// Runs `action` on the loop's thread soon. Any thread; also from a signal-safe context via wake only.
  void post(std::function<void()> action);
  /// Runs until stop().
  void run();
  void stop();
  /// Monotonic time, read once a turn.
  [[nodiscard]] MonotonicTime now() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Calls `action(signal)` on the loop's thread when one of the signals arrives (signalfd; blocks them in this process's
/// threads started later: create before starting threads).
class SignalWatch {
 public:
  SignalWatch(Loop& loop, std::initializer_list<int> signals, std::function<void(int)> action);
  ~SignalWatch();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::net
