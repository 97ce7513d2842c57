#pragma once

#include <optional>
#include <vector>

#include "muster/ocsp/ocsp.h"
#include "muster/pki/certificate.h"

namespace muster::responder {

/// Finds the issuer a CertID speaks of. One open-addressed table keyed by (algorithm, name hash,
/// key hash), filled when issuers are loaded, so that a lookup hashes and scans nothing.
class IssuerIndex {
 public:
  enum class Added : std::uint8_t { kNew, kAlreadyThere };
  /// Makes `issuer` (a position in the caller's list) findable under `hash`.
  Added add(HashAlgorithm hash, const pki::Certificate& certificate, std::size_t issuer);
  /// Position given to add(); nothing for hashes nobody added. Allocation-free.
  [[nodiscard]] std::optional<std::size_t> find(HashAlgorithm hash, Bytes name_hash,
                                                Bytes key_hash) const;

 private:
  struct Slot {
    Buffer key;  ///< algorithm, name hash, key hash; empty: free
    std::size_t issuer = 0;
  };
  void grow();
  [[nodiscard]] std::size_t place(HashAlgorithm hash, Bytes name_hash, Bytes key_hash) const;
  std::vector<Slot> slots_ = std::vector<Slot>(16);  // a power of two, at most half full
  std::size_t used_ = 0;
};

}  // namespace muster::responder
