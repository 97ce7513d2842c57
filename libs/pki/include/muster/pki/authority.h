#pragma once

#include "muster/pki/keys.h"

// Who may sign OCSP answers for an issuer (RFC 6960 section 4.2.2.2).
namespace muster::pki {

enum class Authority : std::uint8_t {
  kIssuer,         ///< the CA's own key
  kDelegate,       ///< certified for OCSP signing by the CA's key
  kLocallyTrusted  ///< declared by configuration for this issuer (OCSP-CLI-007)
};
enum class AuthorityErrc : std::uint8_t {
  kNotIssuedByIssuerKey,  ///< the delegate is not signed by the key that signed the certificate
                          ///< (OCSP-CLI-006)
  kMissingOcspSigning,  ///< no id-kp-OCSPSigning; anyExtendedKeyUsage does not count (OCSP-CLI-005)
  kMissingDigitalSignature,
  kSignerExpired,
  kSignerNotYetValid,
  kSignerIsWeak,
  kUnknownCriticalExtension,  ///< in the delegate's certificate
};
std::string_view to_string(AuthorityErrc code);

/// Judges whether `signer` may answer for certificates of `issuer` at `now`. The issuer is its KEY:
/// any certificate with the issuer's public key is the issuer, and a delegate must carry a
/// signature by that key, whatever names say. A key usage without digitalSignature and
/// nonRepudiation is refused for delegates and declared responders, not for the CA's own
/// certificate, many of which lack it. Revocation of a delegate is not judged here: see
/// facts().ocsp_no_check. Source: RFC 6960 section 4.2.2.2.   Threads: pure, any.
Result<Authority, AuthorityErrc> check_authority(const Certificate& signer,
                                                 const Certificate& issuer, UnixSeconds now,
                                                 std::span<const Certificate> locally_trusted = {},
                                                 const AlgorithmPolicy& policy = {});

/// Whether `id` names this certificate: by key (SHA-1 of its bits) or by name.
bool identifies(const ocsp::ResponderIdView& id, const Certificate& certificate);

}  // namespace muster::pki
