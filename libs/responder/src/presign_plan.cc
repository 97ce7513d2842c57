#include "presign_plan.h"

#include <algorithm>

namespace muster::responder {

PresignQueue::Taken PresignQueue::push(PresignItem item, PresignUrgency urgency) {
  std::deque<PresignItem>& queue = urgency == PresignUrgency::kNow ? now_ : later_;
  if (queue.size() >= capacity_) {
    return Taken::kShed;
  }
  queue.push_back(std::move(item));
  return Taken::kYes;
}

std::optional<PresignItem> PresignQueue::pop() {
  std::deque<PresignItem>& queue = now_.empty() ? later_ : now_;
  if (queue.empty()) {
    return std::nullopt;
  }
  PresignItem item = std::move(queue.front());
  queue.pop_front();
  return item;
}

void PresignQueue::clear() {
  now_.clear();
  later_.clear();
}

UnixSeconds renew_at(UnixSeconds signed_at, UnixSeconds replace_at, std::uint64_t spread) {
  const Seconds used = replace_at - signed_at;
  return signed_at + used / 2 + used * 2 / 5 * static_cast<std::int64_t>(spread) / 1024;
}

std::chrono::nanoseconds SignatureBudget::take(MonotonicTime now) {
  constexpr std::chrono::nanoseconds kSaved = std::chrono::milliseconds(100);
  if (per_second_ == 0) {
    return {};
  }
  free_at_ = std::max(free_at_.value_or(now), now - kSaved);
  if (*free_at_ > now) {
    return *free_at_ - now;
  }
  spend(1);
  return {};
}

void SignatureBudget::spend(std::size_t more) {
  constexpr std::chrono::nanoseconds kSecond = std::chrono::seconds(1);
  if (free_at_) {
    *free_at_ += kSecond * static_cast<std::int64_t>(more) / static_cast<std::int64_t>(per_second_);
  }
}

std::chrono::nanoseconds rest_after(std::chrono::nanoseconds used, unsigned core_percent) {
  const auto share = static_cast<std::int64_t>(std::clamp(core_percent, 1U, 100U));
  return used * (100 - share) / share;
}

MonotonicTime LookSchedule::next(std::uint64_t sequence, std::size_t waiting) const {
  if (!ended_) {
    return MonotonicTime::min();
  }
  if (goes_on(sequence) && waiting < kFewWait) {
    return *ended_;
  }
  const bool again = sequence != sequence_;
  return *ended_ + (again ? pause_ : std::max<std::chrono::nanoseconds>(pause_, kLongest));
}

void LookSchedule::looked(MonotonicTime began, MonotonicTime ended, std::uint64_t sequence,
                          bool complete) {
  constexpr int kShare = 20;
  ended_ = ended;
  pause_ = std::max<std::chrono::nanoseconds>((ended - began) * (kShare - 1), kShortest);
  sequence_ = sequence;
  complete_ = complete;
}

}  // namespace muster::responder
