#include "muster/pki/recent_certificates.h"

namespace muster::pki {

PkiResult<Certificate> RecentCertificates::parse(Bytes der) {
  {
    const MutexLock lock(mutex_);
    const auto found = places_.find(as_text(der));
    if (found != places_.end()) {
      recent_.splice(recent_.begin(), recent_, found->second);
      return recent_.front();
    }
  }
  auto parsed = Certificate::parse(der);
  if (!parsed) {
    return parsed;
  }
  const MutexLock lock(mutex_);
  if (!places_.contains(as_text(der))) {
    recent_.push_front(*parsed);
    places_.emplace(as_text(recent_.front().der()), recent_.begin());
    if (recent_.size() > most_) {
      places_.erase(as_text(recent_.back().der()));
      recent_.pop_back();
    }
  }
  return parsed;
}

std::size_t RecentCertificates::size() const {
  const MutexLock lock(mutex_);
  return recent_.size();
}

}  // namespace muster::pki
