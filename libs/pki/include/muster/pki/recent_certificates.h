#pragma once

#include <list>
#include <string_view>
#include <unordered_map>

#include "muster/base/mutex.h"
#include "muster/pki/certificate.h"

namespace muster::pki {

/// Certificates parsed lately. A responder sends its delegate's along with every answer, and every
/// chain of a fleet ends in the same few CAs: a hundred thousand then share one object instead of
/// having one each, and it is neither parsed again nor its key decoded again. What is remembered is
/// the parsing, and with the object what holds of these octets for ever (whose key signed them); no
/// judgement.   Threads: any.
class RecentCertificates {
 public:
  /// Forgets beyond `most` what was not asked for for longest.
  explicit RecentCertificates(std::size_t most) : most_(most) {}
  /// As Certificate::parse(). What does not parse is not remembered.
  PkiResult<Certificate> parse(Bytes der);
  [[nodiscard]] std::size_t size() const;

 private:
  const std::size_t most_;
  mutable Mutex mutex_;
  std::list<Certificate> recent_ MUSTER_GUARDED_BY(mutex_);  ///< the latest first
  /// By their octets, which live as long as they are in `recent_`. Whoever makes many with one hash
  /// makes them be compared, of which `most_` is the bound.
  std::unordered_map<std::string_view, std::list<Certificate>::iterator> places_
      MUSTER_GUARDED_BY(mutex_);
};

}  // namespace muster::pki
