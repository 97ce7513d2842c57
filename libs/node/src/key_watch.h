#pragma once

#include <map>

#include "muster/base/log.h"
#include "muster/responder/setup.h"

namespace muster::node {

/// Tells when keys in tokens stop and begin to sign, and why. Threads: one at a time.
class KeyWatch {
 public:
  /// Failures that do not pause a key are told once in so long.
  static constexpr Seconds kErrorInterval{10};

  /// Looks at every key of `setup`. Logs key.failed (an error: it is not asked for a while),
  /// key.recovered, key.error (a warning: signatures failed, and it is asked on).
  void look(const responder::Setup& setup, UnixSeconds now, Logger& logger);

 private:
  struct Seen {
    bool is_failing = false;
    UnixSeconds since;
    std::uint64_t errors = 0;
    std::optional<UnixSeconds> told;
  };
  std::map<std::pair<std::string, std::string>, Seen> seen_;  ///< by issuer and key
};

/// Why the key cannot be asked now; empty: it can, or is in this process.
std::string trouble_of(const pki::Signer& signer);

}  // namespace muster::node
