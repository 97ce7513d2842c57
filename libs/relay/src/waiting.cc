#include "engine_impl.h"

namespace muster::relay {

WaitingRoom::Id WaitingRoom::add(Tell tell, MonotonicTime now) {
  const Id id = ++last_;
  tells_.emplace(id, std::move(tell));
  deadlines_.emplace_back(now + patience_, id);
  return id;
}

void WaitingRoom::tell(Id id, const Told& told) {
  const auto found = tells_.extract(id);
  if (!found.empty()) {
    found.mapped()(told);
  }
}

void WaitingRoom::tell_late(MonotonicTime now) {
  while (!deadlines_.empty() &&
         (deadlines_.front().first <= now || !is_here(deadlines_.front().second))) {
    const Id id = deadlines_.front().second;
    deadlines_.pop_front();
    tell(id, Told{Ending::kLate, {}, {}});
  }
}

std::optional<MonotonicTime> WaitingRoom::next_deadline() const {
  return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.front().first);
}

void Refusals::remember(const Fingerprint& key, Told told, MonotonicTime until) {
  forget(key);
  const std::uint64_t number = ++last_;
  bytes_ += told.octets ? told.octets->size() : 0;
  all_.emplace(key, One{std::move(told), until, number});
  order_.emplace_back(number, key);
  while (all_.size() > most_ || bytes_ > most_bytes_ || order_.size() > 2 * most_ + 1) {
    const auto found = all_.find(order_.front().second);
    if (found != all_.end() && found->second.number == order_.front().first) {
      erase(found);
    }
    order_.pop_front();
  }
}

void Refusals::erase(All::iterator one) {
  const Told& told = one->second.told;
  bytes_ -= told.octets ? told.octets->size() : 0;
  all_.erase(one);
}

void Refusals::forget(const Fingerprint& key) {
  if (const auto found = all_.find(key); found != all_.end()) {
    erase(found);
  }
}

const Told* Refusals::find(const Fingerprint& key, MonotonicTime now) const {
  const auto found = all_.find(key);
  return found != all_.end() && now < found->second.until ? &found->second.told : nullptr;
}

}  // namespace muster::relay
