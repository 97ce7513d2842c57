#pragma once

#include <array>
#include <list>
#include <map>
#include <optional>

#include "muster/base/mutex.h"
#include "muster/pki/keys.h"

namespace muster::client {

/// Certificates parsed lately. A responder sends its delegate's along with every answer: a hundred
/// thousand staples then share one object instead of having one each, and it is not parsed again.
/// What is remembered is the parsing alone, never a judgement.   Threads: any.
class RecentCertificates {
 public:
  explicit RecentCertificates(std::size_t most) : most_(most) {}
  /// As pki::Certificate::parse(); nothing: it does not parse.
  std::optional<pki::Certificate> parse(Bytes der);
  [[nodiscard]] std::size_t size() const;

 private:
  using Digest = std::array<std::uint8_t, 32>;
  const std::size_t most_;
  mutable Mutex mutex_;
  std::list<pki::Certificate> recent_ MUSTER_GUARDED_BY(mutex_);  ///< the latest first
  std::map<Digest, std::list<pki::Certificate>::iterator> places_ MUSTER_GUARDED_BY(mutex_);
};

/// Those that came with answers.
RecentCertificates& recent_signers();

}  // namespace muster::client
