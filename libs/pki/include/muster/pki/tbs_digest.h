#pragma once

#include <optional>
#include <stop_token>
#include <string_view>

#include "muster/pki/keys.h"

namespace muster::pki {

/// What a signature is made over, made before it is known whose it should be: hashing a large CRL
/// takes longer than reading it, and both can be done side by side. Says nothing about the
/// signature. View of the octets hashed, which must not change.
struct TbsDigest {
  std::string_view algorithm;  ///< as OpenSSL names it
  Bytes tbs;
  Buffer octets;
  /// Whether it is what `name` makes of these very octets, at this very place.
  [[nodiscard]] bool is_of(Bytes other, const char* name) const {
    return name != nullptr && algorithm == name && tbs.data() == other.data() &&
           tbs.size() == other.size();
  }
};

/// Hashes `tbs` as `algorithm` wants it. Nothing: the algorithm is not known or takes the octets
/// themselves (Ed25519), OpenSSL cannot, or `stop` came first; whoever verifies then hashes
/// himself. Threads: pure, any.
std::optional<TbsDigest> digest_tbs(const der::AlgorithmView& algorithm, Bytes tbs,
                                    const std::stop_token& stop = {});

/// As verify_signature(). \param made  may be null; passed over if it is not of `tbs`
PkiResult<Unit> verify_signature(const der::AlgorithmView& algorithm, Bytes tbs, Bytes signature,
                                 const Certificate& signer, const AlgorithmPolicy& policy,
                                 const TbsDigest* made);

}  // namespace muster::pki
