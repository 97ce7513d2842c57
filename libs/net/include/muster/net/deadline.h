#pragma once

#include "muster/net/loop.h"

namespace muster::net {

/// A deadline that is moved often and reached seldom. Moving it back costs a store: the timer that
/// comes too early re-arms itself. Loop's thread; must not outlive the loop.
class Deadline {
 public:
  Deadline(Loop& loop, std::function<void()> reached) : loop_(loop), reached_(std::move(reached)) {}
  ~Deadline() { clear(); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  /// Replaces the one before.
  void set(MonotonicTime when);
  void set_after(Milliseconds delay) { set(loop_.now() + delay); }
  void clear();

 private:
  void arm();

  Loop& loop_;
  const std::function<void()> reached_;
  MonotonicTime when_;
  MonotonicTime armed_for_;
  TimerId timer_ = 0;  // 0: none
};

}  // namespace muster::net
