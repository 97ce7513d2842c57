#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "muster/pki/authority.h"

// What the CA/Browser Forum demands of the certificates behind OCSP answers: CA/B BR 7.1.2.8 for
// delegates, 7.1.2.10.7 for a CA that signs by itself.
namespace muster::pki {

enum class SignerFault : std::uint8_t {
  kCaWithoutDigitalSignature,  ///< of a CA that signs by itself (OCSP-RESP-070); the others are of
                               ///< delegates (OCSP-RESP-069)
  kIsCa,
  kOtherPurposes,
  kKeyUsage,
  kNoCheck,
  kAuthorityKeyId,
  kCrlPoints,
  kNameConstraints,
  kAlternativeName,
};
/// "must not be a CA": what the rule demands.
std::string_view to_string(SignerFault fault);

/// Every rule that the certificate breaks, in the order of the enumeration. Threads: pure, any.
std::vector<SignerFault> find_signer_faults(const Certificate& signer, Authority authority);

/// Whether id-kp-OCSPSigning is the one extended key usage.
bool is_for_ocsp_signing_only(const Certificate& certificate);
/// Whether an extension is marked critical; nothing when it is absent.
std::optional<bool> find_criticality(const Certificate& certificate, Bytes oid);

}  // namespace muster::pki
