#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "muster/base/time.h"

// Many threads that mostly wait for others, few of which compute at a time. A thread that has a
// turn computes; while it waits for the network somebody else has it (decision 054).
namespace muster {

/// What a thread does when what it waits for is there. Those that soon wait again (for a name, a
/// connection: then the peer is asked) go before those that have an answer to work on, so that
/// every peer is asked early.
enum class AfterWait : std::uint8_t { kLittle, kMuch };

class Turn;

/// Hands out turns: `most` at a time. Those of kLittle go first, in the order in which they came;
/// then those of kMuch, whose Turn was made first in front. Threads: any.   Lifetime: outlives its
/// Turns.
class Turns {
 public:
  /// \param most  turns at a time, at least 1
  explicit Turns(unsigned most) : free_(most) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  /// Whoever has held a turn for longer than `patience` most likely waits without saying so: for
  /// each of those somebody else is let in. To be called now and then, or such waits hold up all.
  /// \return threads that have been waiting for longer than `patience`, whether they said so or not
  std::size_t pass_over(Milliseconds patience);

  /// Threads that would compute if they were let.
  [[nodiscard]] std::size_t wanting_for_test() const;

 private:
  friend class Turn;
  friend class WhileWaiting;
  using Place = std::pair<AfterWait, std::uint64_t>;

  void enter(Turn& turn, AfterWait what);
  void leave(Turn& turn);
  void hand_on();
  static void hold(Turn& turn);

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  unsigned free_;  ///< more than 0 only while nobody wants one
  std::uint64_t made_ = 0, came_ = 0;
  std::map<Place, Turn*> wanting_;
  std::set<Turn*> all_;
};

/// The calling thread computes while this lives and does not stand aside. Threads: the one that
/// made it, which has one at most.
class Turn {
 public:
  /// Blocks until there is one.
  explicit Turn(Turns& turns);
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  /// For how long it was held so far: without the waits, those that were passed over included.
  [[nodiscard]] std::chrono::nanoseconds held() const;

 private:
  friend class Turns;
  friend class WhileWaiting;
  enum class State : std::uint8_t { kWants, kHolds, kWaits };

  Turns& turns_;
  std::condition_variable mine_;
  // Guarded by the mutex of turns_:
  std::uint64_t age_ = 0;
  State state_ = State::kWants;
  MonotonicTime since_{};
  std::chrono::nanoseconds held_{0};
  bool passed_over_ = false;  ///< holds, and somebody else was let in beside it
};

/// While this lives the calling thread waits and somebody else has its turn. Then it blocks until
/// it has one again, so nothing may be locked at its end: declare it before the lock. Does nothing
/// on threads without a Turn and inside another one. errno stays as it is.
class WhileWaiting {
 public:
  explicit WhileWaiting(AfterWait then);
  ~WhileWaiting();
  WhileWaiting(const WhileWaiting&) = delete;
  WhileWaiting& operator=(const WhileWaiting&) = delete;

 private:
  Turn* const turn_;
  const AfterWait then_;
};

}  // namespace muster
