#pragma once

#include <optional>
#include <span>
#include <string>

#include "muster/crl/crl.h"
#include "muster/pki/keys.h"
#include "muster/pki/tbs_digest.h"

// From a parsed CRL to one that may be believed. Trust is a type: only verify_crl() makes a
// VerifiedCrl.
namespace muster::pki {

/// Why a CRL does not answer for a certificate, in the order in which the stages of the check come:
/// of several problems the furthest one is reported. Persistent: to_string gives the kebab-case
/// code for JSON and `muster explain`.
enum class CrlErrc : std::uint8_t {
  kNoCrl,       ///< none of the CRLs is one for this certificate's issuer and distribution points
  kMalformed,   ///< does not parse
  kOutOfScope,  ///< its issuing distribution point does not cover the certificate
  kNoBase,      ///< a delta CRL without a complete CRL it applies to
  kCertificateExpired,  ///< the certificate had expired when the CRL was issued, so the CRL need
                        ///< not list it
  kCriticalExtension,   ///< an unrecognised critical extension, in the CRL or in any entry
                        ///< (OCSP-CRL-007, -008)
  kDefective,  ///< decodes, but breaks a rule that makes it unreliable (crl::is_disqualifying)
  kNoSigner,   ///< no certificate at hand bears the CRL issuer's name
  kUnsupportedSignature,
  kWeakSignature,
  kBadSignature,
  kSignerNotEntitled,  ///< key usage without cRLSign (OCSP-CRL-033)
  kSignerUntrusted,    ///< no path from the signer to the certificate's own trust anchor
                       ///< (OCSP-CRL-032)
  kSignerRevoked,
  kSignerUndetermined,  ///< whether the signer still stands cannot be told
  kInvalidInterval,     ///< nextUpdate before thisUpdate
  kNotYetValid,         ///< thisUpdate beyond the permitted skew
  kTooOld,   ///< thisUpdate older than the maximum age, the one without nextUpdate included
             ///< (OCSP-CRL-005)
  kExpired,  ///< nextUpdate passed
  kReasonsNotCovered,  ///< CRLs for some revocation reasons only (OCSP-CRL-031)
  kTooComplex,         ///< a named limit on the work of one check was reached
};
/// "bad-signature".
std::string_view to_string(CrlErrc code);

struct CrlError {
  CrlErrc code;
  std::string detail;  ///< one sentence for people
};

/// How old a CRL may be. Defaults: requirements README section 8.
struct CrlTimePolicy {
  Seconds future_skew{300};        ///< tolerance for thisUpdate ahead of now
  Seconds expiry_tolerance{0};     ///< tolerance after nextUpdate
  std::optional<Seconds> max_age;  ///< oldest acceptable thisUpdate
  Seconds max_age_without_next_update{86400};
};

/// A CRL that says what an entitled signer of its issuer's name signed. Nothing is said about its
/// time or its scope, nor about the trust in the signer: the caller chose the certificates. View of
/// the octets parsed.
class VerifiedCrl {
 public:
  [[nodiscard]] const crl::CrlView& crl() const { return crl_; }
  [[nodiscard]] const Certificate& signer() const { return signer_; }

 private:
  friend Result<VerifiedCrl, CrlError> verify_crl(const crl::CrlView&, std::span<const Certificate>,
                                                  const AlgorithmPolicy&, const TbsDigest*);
  VerifiedCrl(const crl::CrlView& crl, const Certificate& signer) : crl_(crl), signer_(signer) {}
  crl::CrlView crl_;
  Certificate signer_;
};

/// Verifies the signature under one of `issuers`, which the caller trusts: its subject is the CRL's
/// issuer, its key usage (if any) has cRLSign, and the CRL may be used at all. Certificates whose
/// key identifier agrees with the CRL's are tried first. Errors: kCriticalExtension, kDefective,
/// kNoSigner, kUnsupportedSignature, kWeakSignature, kBadSignature, kSignerNotEntitled. Source: RFC
/// 5280 sections 5.1.1.3, 5.2, 5.3 and 6.3.3 (f, g).   Threads: pure, any.
/// \param made  of the CRL's signed octets if there is one; may be null
Result<VerifiedCrl, CrlError> verify_crl(const crl::CrlView& crl,
                                         std::span<const Certificate> issuers,
                                         const AlgorithmPolicy& policy = {},
                                         const TbsDigest* made = nullptr);

/// Whether the contents may decide a status at all, whoever signed them. Errors:
/// kCriticalExtension, kDefective.
Result<Unit, CrlError> check_crl_usable(const crl::CrlView& crl);

/// Whether the CRL is current at `now`. Equality counts as current at both ends.
/// Errors: kInvalidInterval, kNotYetValid, kTooOld, kExpired.
Result<Unit, CrlError> check_crl_times(const crl::CrlView& crl, UnixSeconds now,
                                       const CrlTimePolicy& policy = {});

}  // namespace muster::pki
