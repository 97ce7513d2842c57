#include "muster/responder/signing_desk.h"

#include <algorithm>

namespace muster::responder {

SigningDesk::Seat SigningDesk::take_seat(Deliver deliver) {
  const MutexLock lock(mutex_);
  seats_.emplace(++last_, std::move(deliver));
  return last_;
}

void SigningDesk::leave_seat(Seat seat) {
  const MutexLock lock(mutex_);
  seats_.erase(seat);
  for (auto& [id, job] : jobs_) {
    waiting_ -= std::erase_if(job.waiting, [seat](const auto& one) { return one.first == seat; });
  }
}

/// The job under way that one with this key may share.
std::optional<SigningDesk::JobId> SigningDesk::find_same(const Buffer& key,
                                                         const Setup* setup) const {
  const auto same = key.empty() ? by_key_.end() : by_key_.find(key);
  return same != by_key_.end() && jobs_.at(same->second).result->setup.get() == setup
             ? std::optional(same->second)
             : std::nullopt;
}

SigningDesk::Taken SigningDesk::would_take(const Buffer& key, const Setup* setup) const {
  const MutexLock lock(mutex_);
  const bool has_room = find_same(key, setup) || jobs_.size() < max_jobs_;
  return waiting_ < max_waiting_ && has_room ? Taken::kTaken : Taken::kFull;
}

SigningDesk::Taken SigningDesk::order(Seat seat, Ticket ticket, Buffer key, DeskResult order,
                                      pki::Signer& signer) {
  JobId id = 0;
  std::shared_ptr<DeskResult> result;
  {
    const MutexLock lock(mutex_);
    if (waiting_ >= max_waiting_) {
      counters_.full.fetch_add(1, std::memory_order_relaxed);
      return Taken::kFull;
    }
    if (const auto same = find_same(key, order.setup.get())) {
      jobs_.at(*same).waiting.emplace_back(seat, ticket);
      ++waiting_;
      counters_.joined.fetch_add(1, std::memory_order_relaxed);
      return Taken::kTaken;
    }
    if (jobs_.size() >= max_jobs_) {
      counters_.full.fetch_add(1, std::memory_order_relaxed);
      return Taken::kFull;
    }
    id = ++last_;
    result = std::make_shared<DeskResult>(std::move(order));
    jobs_.emplace(id, Job{result, {{seat, ticket}}});
    ++waiting_;
    if (!key.empty()) {
      by_key_[std::move(key)] = id;
    }
    counters_.jobs.fetch_add(1, std::memory_order_relaxed);
    counters_.in_flight.store(jobs_.size(), std::memory_order_relaxed);
  }
  // Without the lock: a key that refuses at once answers inside this call.
  signer.sign_later(result->tbs, [desk = shared_from_this(), id](pki::PkiResult<Buffer> signature) {
    desk->finish(id, std::move(signature));
  });
  return Taken::kTaken;
}

void SigningDesk::finish(JobId id, pki::PkiResult<Buffer> signature) {
  const MutexLock lock(mutex_);
  auto node = jobs_.extract(id);
  counters_.in_flight.store(jobs_.size(), std::memory_order_relaxed);
  std::erase_if(by_key_, [id](const auto& one) { return one.second == id; });
  Job& job = node.mapped();
  if (signature) {
    job.result->signature = *std::move(signature);
  } else {
    counters_.failures.fetch_add(1, std::memory_order_relaxed);
  }
  waiting_ -= job.waiting.size();
  for (const auto& [seat, ticket] : job.waiting) {
    if (const auto there = seats_.find(seat); there != seats_.end()) {
      there->second(ticket, job.result);
    }
  }
}

}  // namespace muster::responder
