#pragma once

#include "muster/pki/keys.h"

namespace muster::pki {

/// Verifies `signature` over `tbs` under the public half of `key`: whether we made it, for what we
/// wrote somewhere and read again. Never asks a token. Errors: as verify_signature().
PkiResult<Unit> verify_own_signature(const der::AlgorithmView& algorithm, Bytes tbs,
                                     Bytes signature, const PrivateKey& key,
                                     const AlgorithmPolicy& policy = {});

}  // namespace muster::pki
