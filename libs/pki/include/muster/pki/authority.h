#pragma once

#include "muster/pki/keys.h"

// Who may sign OCSP answers for an issuer (RFC 6960 section 4.2.2.2).
namespace muster::pki {

enum class Authority : std::uint8_t {
  kIssuer,        ///< the CA's own key
  kDelegate,      ///< certified for OCSP signing by the CA's key
  kLocallyTrusted ///< declared by configuration for this issuer (OCSP-CLI-007)
};
enum class AuthorityErrc : std::uint8_t {
  kNotIssuedByIssuerKey,  ///< the delegate is not signed by the key that signed the certificate (OCSP-CLI-006)
  kMissingOcspSigning,    ///< no id-kp-OCSPSigning; anyExtendedKeyUsage does not count (OCSP-CLI-005)
  kMissingDigitalSignature,
  kSignerExpired,
  kSignerNotYetValid,
  kSignerIsWeak,
};
std::string_view to_string(AuthorityErrc code);

/// Judges whether `signer` may answer for certificates of `issuer` at `now`. Revocation of a delegate is not judged here: see
/// facts().ocsp_no_check.
Result<Authority, AuthorityErrc> check_authority(const Certificate& signer, const Certificate& issuer,
                                                 UnixSeconds now,
                                                 std::span<const Certificate> locally_trusted = {},
                                                 const AlgorithmPolicy& policy = {});

/// Whether `id` names this certificate: by key (SHA-1 of its bits) or by name.
bool identifies(const ocsp::ResponderIdView& id, const Certificate& certificate);

}  // namespace muster::pki
