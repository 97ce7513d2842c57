#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "lease.h"
#include "muster/source/watcher.h"

namespace muster::node {

/// Threads that hang in a file system and were left there, over all followers of a node.
using LeftBehind = std::shared_ptr<std::atomic<std::size_t>>;

/// Follows one source: a watcher of its own, so that a path that hangs holds up no other issuer.
/// Threads: any, until the end has begun; from there on one.
class Follower {
 public:
  /// Starts at once. `clock` and `logger` outlive the follower (not its thread).
  Follower(std::shared_ptr<store::Store> store, source::SourceSpec spec,
           const source::WatchOptions& options, const Clock& clock, Logger& logger,
           LeftBehind left_behind);
  /// As end_all() of this one.
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  [[nodiscard]] const source::SourceSpec& spec() const { return spec_; }
  [[nodiscard]] source::SourceStatus status() const;
  /// Blocks until the source was tried once; nothing when the time is up first.
  [[nodiscard]] std::optional<source::SourceStatus> wait_until_checked(Milliseconds timeout) const;
  void look_now();

  /// Asks the thread to end. Idempotent.
  void begin_end();
  /// Waits for it until `deadline`, then leaves it behind: it may come back whenever it will, and
  /// writes nothing. Precondition: begin_end().
  enum class End : std::uint8_t { kEnded, kLeftBehind };
  End end(MonotonicTime deadline);

 private:
  /// Outlives the follower while its thread hangs.
  struct Shared;
  const source::SourceSpec spec_;
  const std::shared_ptr<Shared> shared_;
  std::thread ender_;  ///< waits for the watcher's thread once the end has begun
  bool has_begun_to_end_ = false, has_ended_ = false;
};

using Followers = std::vector<std::shared_ptr<Follower>>;

/// How long a thread that was asked to end is waited for. One that reads or writes looks every few
/// milliseconds whether it was.
inline constexpr Milliseconds kLettingGo{2'000};

/// Ends all, side by side. Logged: source.left_behind for each that hangs.
void end_all(const Followers& followers, Logger& logger, Milliseconds patience = kLettingGo);

}  // namespace muster::node
