#pragma once

#include <string>
#include <vector>

#include "muster/responder/setup.h"

namespace muster::responder {

/// What does not forbid a signer but troubles clients (OCSP-RESP-040). Appends a sentence each.
void lint_signer(const std::string& issuer, const IssuerSigner& signer, UnixSeconds now,
                 std::vector<std::string>& warnings);

/// What the CA/Browser Forum demands of a signer's certificate (CA/B BR 7.1.2.8 for
/// delegates, 7.1.2.10.7 for a CA that signs by itself). Empty when it holds, otherwise every rule
/// it breaks.
std::string find_web_faults(const pki::Certificate& signer, pki::Authority authority);

}  // namespace muster::responder
