#include "muster/responder/log_samples.h"

namespace muster::responder {

LogSample& LogSampleTable::of(std::string_view issuer, LogKind kind) {
  auto found = all_.find(issuer);
  if (found == all_.end()) {
    found = all_.try_emplace(all_.size() < kMaxIssuers ? std::string(issuer) : std::string()).first;
  }
  return found->second.at(kind);
}

bool LogSampler::is_early(const LogSample& sample, UnixSeconds now) const {
  return now < sample.next && sample.next - now <= interval_;  // a clock set back waits no longer
}

std::optional<std::uint64_t> LogSampler::take(std::string_view issuer, LogKind kind,
                                              UnixSeconds now) {
  LogSample& own = own_.of(issuer, kind);
  if (is_early(own, now)) {
    ++own.left_out;
    return std::nullopt;
  }
  const MutexLock lock(shared_->mutex);
  LogSample& all = shared_->table.of(issuer, kind);
  if (is_early(all, now)) {  // another loop was quicker
    all.left_out += own.left_out + 1;
    own = {all.next, 0};
    return std::nullopt;
  }
  const std::uint64_t left_out = all.left_out + own.left_out;
  all = own = {now + interval_, 0};
  return left_out;
}

}  // namespace muster::responder
