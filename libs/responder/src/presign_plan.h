#pragma once

#include <deque>
#include <optional>

#include "muster/base/time.h"
#include "muster/der/pkix.h"

// When what is signed ahead. Pure: time goes in.
namespace muster::responder {

/// A serial whose answers are to be looked at, and signed where that is due.
struct PresignItem {
  std::size_t issuer = 0;  ///< position in Setup::issuers()
  Serial serial;
};
/// kNow: the answer that is there says what is no longer so.
enum class PresignUrgency : std::uint8_t { kNow, kLater };

/// What waits to be signed. Bounded: what finds it full is shed, and found again by the next look.
/// What says something untrue goes before what is only missing or old.
class PresignQueue {
 public:
  explicit PresignQueue(std::size_t capacity) : capacity_(capacity) {}
  enum class Taken : std::uint8_t { kYes, kShed };
  Taken push(PresignItem item, PresignUrgency urgency);
  std::optional<PresignItem> pop();
  [[nodiscard]] std::size_t size() const { return now_.size() + later_.size(); }
  void clear();

 private:
  std::size_t capacity_;  ///< of each of the two
  std::deque<PresignItem> now_, later_;
};

/// When an answer is signed anew ahead of time: between the half and nine tenths of the time it is
/// used, so that a CA signed in one go rolls evenly later. \param spread  0..1023, of the serial
UnixSeconds renew_at(UnixSeconds signed_at, UnixSeconds replace_at, std::uint64_t spread);

/// Signatures a second; a tenth of a second's worth may be saved up.
class SignatureBudget {
 public:
  /// \param per_second  zero: no limit
  explicit SignatureBudget(std::size_t per_second) : per_second_(per_second) {}
  /// How long to wait before making one; zero: it is taken.
  std::chrono::nanoseconds take(MonotonicTime now);
  /// What was taken cost so many more.
  void spend(std::size_t more);

 private:
  std::size_t per_second_;
  std::optional<MonotonicTime> free_at_;  ///< when what was taken has been paid for
};

/// How long a thread that used the processor for so long rests to stay within its share.
std::chrono::nanoseconds rest_after(std::chrono::nanoseconds used, unsigned core_percent);

/// When all serials are looked at. A look costs time in proportion to their number: at most a
/// twentieth of a core goes into it.
class LookSchedule {
 public:
  static constexpr Seconds kLongest{60};  ///< between looks: answers grow old
  static constexpr Seconds kShortest{1};
  /// With so few in the queue a look that found it full goes on.
  static constexpr std::size_t kFewWait = 4096;
  /// When the next one begins. \param sequence  the store's now  \param waiting  in the queue
  [[nodiscard]] MonotonicTime next(std::uint64_t sequence, std::size_t waiting) const;
  /// Whether it goes on where the one before found the queue full.
  [[nodiscard]] bool goes_on(std::uint64_t sequence) const {
    return !complete_ && sequence == sequence_;
  }
  /// \param complete  nothing was shed
  void looked(MonotonicTime began, MonotonicTime ended, std::uint64_t sequence, bool complete);
  /// Another setup: all over again.
  void forget() { *this = {}; }

 private:
  std::optional<MonotonicTime> ended_;
  std::chrono::nanoseconds pause_{0};
  std::uint64_t sequence_ = 0;
  bool complete_ = true;
};

}  // namespace muster::responder
