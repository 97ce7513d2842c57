#include "muster/base/turns.h"

#include <cerrno>

#include "muster/base/assert.h"

namespace muster {
namespace {

/// The one that the calling thread has, unless it waits.
thread_local Turn* turn_here = nullptr;

MonotonicTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

std::size_t Turns::pass_over(Milliseconds patience) {
  const std::lock_guard lock(mutex_);
  const MonotonicTime at = now();
  std::size_t waiting = 0;
  for (Turn* const turn : all_) {
    if (turn->state_ == Turn::State::kWants || at - turn->since_ <= patience) {
      continue;
    }
    ++waiting;
    if (turn->state_ == Turn::State::kHolds && !turn->passed_over_) {
      turn->passed_over_ = true;
      hand_on();
    }
  }
  return waiting;
}

std::size_t Turns::wanting_for_test() const {
  const std::lock_guard lock(mutex_);
  return wanting_.size();
}

void Turns::enter(Turn& turn, AfterWait what) {
  std::unique_lock lock(mutex_);
  if (free_ > 0) {
    --free_;
    hold(turn);
    return;
  }
  turn.state_ = Turn::State::kWants;
  wanting_.emplace(Place(what, what == AfterWait::kLittle ? came_++ : turn.age_), &turn);
  turn.mine_.wait(lock, [&turn] { return turn.state_ == Turn::State::kHolds; });
}

void Turns::leave(Turn& turn) {
  const std::lock_guard lock(mutex_);
  const MonotonicTime at = now();
  if (turn.passed_over_) {
    turn.passed_over_ = false;  // somebody else has had its place since
  } else {
    turn.held_ += at - turn.since_;
    hand_on();
  }
  turn.state_ = Turn::State::kWaits;
  turn.since_ = at;
}

/// To whoever is first, or to nobody. Holds the lock.
void Turns::hand_on() {
  if (wanting_.empty()) {
    ++free_;
    return;
  }
  Turn& next = *wanting_.begin()->second;
  wanting_.erase(wanting_.begin());
  hold(next);
  next.mine_.notify_one();  // under the lock: without it `next` could be gone by now
}

void Turns::hold(Turn& turn) {
  turn.state_ = Turn::State::kHolds;
  turn.since_ = now();
}

Turn::Turn(Turns& turns) : turns_(turns) {
  MUSTER_ASSERT(turn_here == nullptr);
  {
    const std::lock_guard lock(turns_.mutex_);
    age_ = turns_.made_++;
    turns_.all_.insert(this);
  }
  turns_.enter(*this, AfterWait::kLittle);
  turn_here = this;
}

Turn::~Turn() {
  turn_here = nullptr;
  turns_.leave(*this);
  const std::lock_guard lock(turns_.mutex_);
  turns_.all_.erase(this);
}

std::chrono::nanoseconds Turn::held() const {
  const std::lock_guard lock(turns_.mutex_);
  return passed_over_ || state_ != State::kHolds ? held_ : held_ + (now() - since_);
}

WhileWaiting::WhileWaiting(AfterWait then) : turn_(turn_here), then_(then) {
  if (turn_ != nullptr) {
    turn_here = nullptr;
    turn_->turns_.leave(*turn_);
  }
}

WhileWaiting::~WhileWaiting() {
  if (turn_ != nullptr) {
    const int error = errno;
    turn_->turns_.enter(*turn_, then_);
    turn_here = turn_;
    errno = error;
  }
}

}  // namespace muster
