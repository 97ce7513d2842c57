#include "muster/pki/recent_certificates.h"

namespace muster::pki {

PkiResult<Certificate> RecentCertificates::parse(Bytes der) {
  Digest digest{};
  digest_into(HashAlgorithm::kSha256, der, digest);
  {
    const MutexLock lock(mutex_);
    const auto found = places_.find(digest);
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
  if (places_.count(digest) == 0) {
    recent_.push_front(*parsed);
    places_.emplace(digest, recent_.begin());
    if (recent_.size() > most_) {
      places_.erase(recent_.back().fingerprint());
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
