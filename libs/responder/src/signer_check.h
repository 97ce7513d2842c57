#pragma once

#include "muster/responder/setup.h"

namespace muster::responder {

/// Judges whether `spec` may and can sign for the issuer at `now`: certified by its key with
/// id-kp-OCSPSigning, valid, the private key fits, a trial signature verifies, the profile's rules
/// hold. With `may_wait` a certificate that is not valid yet is judged at its first instant.
/// Appends to `warnings`. Errors: kKeyMismatch, kSignerRefused, kExpired, kWeakOrUnsupported,
/// kTrialFailed.
enum class MayWait : std::uint8_t { kNo, kYes };
Result<IssuerSigner, SetupError> check_signer(SignerSpec spec, const IssuerSpec& issuer,
                                              UnixSeconds now, MayWait may_wait,
                                              std::vector<std::string>& warnings);
/// When the CA ends: with the longest-lived of its certificates.
UnixSeconds end_of_ca(const std::vector<pki::Certificate>& certificates);
/// Octets of an answer for one certificate with a SHA-256 CertID and a serial of 20 octets.
std::size_t typical_answer_bytes(const IssuerSigner& signer);
/// Whether what one signs the other could have signed: the same certificate, or one CA key under
/// several names.
bool one_signer(const IssuerSigner& a, const IssuerSigner& b);

}  // namespace muster::responder
