#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>

#include "muster/responder/answerer.h"

namespace muster::responder {

/// Requests that wait until the loop has time to sign: what it signs at once is bounded, so that
/// everybody else is answered in between, and whoever would wait for too long is refused before he
/// waits. A burst may take `wait`; a line that does not empty itself is an overload, and is kept
/// short: waiting longer would not make more signatures. Pure: instants are arguments.
/// Threads: one.
class SigningLine {
 public:
  using Ticket = std::uint64_t;
  /// Signatures at a time, before the loop looks at its sockets again.
  static constexpr std::chrono::microseconds kSlice{2000};
  /// The same in an overload: turns get shorter, signatures no fewer, for the sockets have less to
  /// say at each.
  static constexpr std::chrono::microseconds kSliceInOverload{500};
  /// The same while the sockets have more than one look at them takes: refusing comes first, beside
  /// one signature.
  static constexpr std::chrono::microseconds kSliceWhenBehind{50};
  /// So long after a refusal nobody is promised more than in an overload.
  static constexpr Milliseconds kOverloadLasts{1000};

  explicit SigningLine(SigningLineLimits limits) : limits_(limits) {}

  enum class Place : std::uint8_t {
    kNow,   ///< sign at once, and say what it took: signed()
    kWait,  ///< join(); the loop must call serve() soon
    kFull,  ///< refuse
  };
  /// What a request that needs a signature should do, which may have come at `ready_since`: in an
  /// overload the time that it waited unread counts. But the signer is not idle for long while
  /// everybody is too late: one in each `wait_busy` is signed for all the same. Changes nothing.
  [[nodiscard]] Place place(MonotonicTime now, MonotonicTime ready_since) const {
    const std::chrono::nanoseconds left = patience(now, ready_since);
    if (waiting_.empty() && used_ < slice_) {
      return left.count() > 0 || is_idle(now) ? Place::kNow : Place::kFull;
    }
    const auto in_front = static_cast<double>(waiting_.size() + 1);
    const std::chrono::duration<double, std::nano> expected(in_front * pace_ns_);
    return waiting_.size() >= limits_.most || expected > left ? Place::kFull : Place::kWait;
  }
  /// One was signed at once, which took so long.
  void signed_at_once(std::chrono::nanoseconds took) {
    used_ += took;
    note_pace(took);
    idle_since_.reset();
  }
  /// Somebody found it full: for a while this is an overload, though the line may empty itself.
  void refused(MonotonicTime now) {
    refused_at_ = now;
    if (!idle_since_) {
      idle_since_ = now;
    }
  }
  void join(Ticket ticket, MonotonicTime now, MonotonicTime ready_since) {
    if (waiting_.empty()) {
      standing_since_ = now;
    }
    waiting_.push_back({ticket, now, patience(now, ready_since)});
  }
  /// Whether serve() must be called: somebody waits, or what may be signed at once is used up.
  [[nodiscard]] bool wants_serving() const { return !waiting_.empty() || used_ >= slice_; }

  /// A turn of the loop: `take_up(ticket, in_time)` is called for the first in line, one after the
  /// other, for about a slice; `clock()` tells the time. Not in time: he waited so long that he is
  /// to be refused. What take_up() does may join() again. \param is_behind  whether the sockets
  /// have more than one look at them takes
  template <class TakeUp, class ReadClock>
  void serve(bool is_behind, TakeUp&& take_up, ReadClock&& clock) {
    const MonotonicTime began = clock();
    slice_ = is_behind ? kSliceWhenBehind : is_overload(began) ? kSliceInOverload : kSlice;
    MonotonicTime now = began;
    std::size_t served = 0;
    for (std::size_t left = waiting_.size(); left > 0 && now - began < slice_; --left) {
      const Waiting first = waiting_.front();
      waiting_.pop_front();
      // The line's length promised him less; a loop that was held up must not sign for nobody.
      const bool in_time = now - first.since <= first.promised + first.promised / 2;
      take_up(first.ticket, in_time);
      now = clock();
      served += in_time ? 1 : 0;
    }
    if (served != 0) {
      idle_since_.reset();
      // Of wall time, from one turn's end to the next: what the loop does in between counts.
      const MonotonicTime from = served_until_.value_or(began);
      note_pace((now - from) / static_cast<std::chrono::nanoseconds::rep>(served));
    }
    used_ = {};
    served_until_ = waiting_.empty() ? std::nullopt : std::optional(now);
  }
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }

 private:
  struct Waiting {
    Ticket ticket;
    MonotonicTime since;
    std::chrono::nanoseconds promised;  ///< the longest that he might have to wait, it seemed
  };
  [[nodiscard]] bool is_overload(MonotonicTime now) const {
    const bool is_standing = !waiting_.empty() && now - standing_since_ > limits_.wait;
    return is_standing || (refused_at_ && now - *refused_at_ < kOverloadLasts);
  }
  /// Whether nothing was signed although somebody asked, for as long as one would have waited.
  [[nodiscard]] bool is_idle(MonotonicTime now) const {
    return idle_since_ && now - *idle_since_ > limits_.wait_busy;
  }
  [[nodiscard]] std::chrono::nanoseconds patience(MonotonicTime now,
                                                  MonotonicTime ready_since) const {
    return is_overload(now) ? std::min(limits_.wait_busy, limits_.wait) - (now - ready_since)
                            : std::chrono::nanoseconds(limits_.wait);
  }
  void note_pace(std::chrono::nanoseconds one) {
    constexpr double kWeight = 0.2;  // of the newest: a few turns until it counts
    const auto fresh = static_cast<double>(one.count());
    pace_ns_ = pace_ns_ == 0 ? fresh : pace_ns_ + kWeight * (fresh - pace_ns_);
  }

  const SigningLineLimits limits_;
  std::deque<Waiting> waiting_;
  std::chrono::nanoseconds used_{};  ///< signed at once since serve()
  std::chrono::microseconds slice_ = kSlice;
  double pace_ns_ = 0;            ///< from one signature to the next
  MonotonicTime standing_since_;  ///< while somebody waits: since the line was empty last
  std::optional<MonotonicTime> refused_at_;
  std::optional<MonotonicTime> idle_since_;    ///< the first refusal since the last signature
  std::optional<MonotonicTime> served_until_;  ///< end of the last turn, if the line went on
};

}  // namespace muster::responder
