#pragma once

#include <vector>

#include "muster/base/bytes.h"

// What signatures we like to be answered with.
namespace muster::pki {

/// AlgorithmIdentifier elements of all signatures that verify_signature() accepts by default and
/// the OpenSSL found at run time can verify, most preferred first: short and fast ones before long
/// ones (RFC 6960 section 4.4.7.1, OCSP-CLI-030). Lifetime: static.   Threads: any.
std::vector<Bytes> preferred_signature_algorithms();

}  // namespace muster::pki
