#pragma once

#include "algorithms.h"

namespace muster::pki {

/// Whether `signature` is one over `input` (the digest; the message for kPure) under the public
/// half `key`. A signature from elsewhere is looked at before anybody else sees it: a token that
/// fails half-way may return anything.
bool verifies_remote(EVP_PKEY* key, const SchemePlan& plan, Bytes input, Bytes signature);

}  // namespace muster::pki
