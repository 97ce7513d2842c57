#include "muster/pki/authority.h"

#include <algorithm>

namespace muster::pki {
namespace {

Result<Unit, AuthorityErrc> check_window(const Certificate& signer, UnixSeconds now) {
  if (now < signer.not_before()) {
    return Err{AuthorityErrc::kSignerNotYetValid};
  }
  if (now > signer.not_after()) {
    return Err{AuthorityErrc::kSignerExpired};
  }
  return Unit{};
}

Result<Unit, AuthorityErrc> check_use(const Certificate& signer, UnixSeconds now) {
  MUSTER_CHECK(check_window(signer, now));
  const CertificateFacts& facts = signer.facts();
  // RFC 5280 section 4.2.1.12: with id-kp-OCSPSigning go digitalSignature and/or nonRepudiation.
  constexpr auto kNeeded = static_cast<std::uint16_t>(KeyUsageBit::kDigitalSignature) |
                           static_cast<std::uint16_t>(KeyUsageBit::kNonRepudiation);
  if (facts.key_usage && (*facts.key_usage & kNeeded) == 0) {
    return Err{AuthorityErrc::kMissingDigitalSignature};
  }
  if (facts.has_unknown_critical_extension) {
    return Err{AuthorityErrc::kUnknownCriticalExtension};
  }
  return Unit{};
}

}  // namespace

Result<Authority, AuthorityErrc> check_authority(const Certificate& signer,
                                                 const Certificate& issuer, UnixSeconds now,
                                                 std::span<const Certificate> locally_trusted,
                                                 const AlgorithmPolicy& policy) {
  if (equal(signer.public_key_info(), issuer.public_key_info())) {
    // A CA renewed with the same key has two certificates; either one being in force will do.
    if (!check_window(issuer, now)) {
      MUSTER_CHECK(check_window(signer, now));
    }
    return Authority::kIssuer;
  }
  if (std::find(locally_trusted.begin(), locally_trusted.end(), signer) != locally_trusted.end()) {
    MUSTER_CHECK(check_use(signer, now));
    return Authority::kLocallyTrusted;
  }
  if (auto issued = verify_issued_by(signer, issuer, policy); !issued) {
    return Err{issued.error().code == PkiErrc::kWeakAlgorithm
                   ? AuthorityErrc::kSignerIsWeak
                   : AuthorityErrc::kNotIssuedByIssuerKey};
  }
  if (!signer.facts().eku_ocsp_signing) {
    return Err{AuthorityErrc::kMissingOcspSigning};
  }
  MUSTER_CHECK(check_use(signer, now));
  return Authority::kDelegate;
}

bool identifies(const ocsp::ResponderIdView& id, const Certificate& certificate) {
  if (const auto* by_key = std::get_if<ocsp::ResponderByKey>(&id)) {
    return equal(by_key->key_hash, certificate.key_hash());
  }
  return same_name(std::get<ocsp::ResponderByName>(id).name, certificate.subject());
}

std::string_view to_string(AuthorityErrc code) {
  switch (code) {
    case AuthorityErrc::kNotIssuedByIssuerKey:
      return "not-issued-by-issuer-key";
    case AuthorityErrc::kMissingOcspSigning:
      return "missing-ocsp-signing";
    case AuthorityErrc::kMissingDigitalSignature:
      return "missing-digital-signature";
    case AuthorityErrc::kSignerExpired:
      return "signer-expired";
    case AuthorityErrc::kSignerNotYetValid:
      return "signer-not-yet-valid";
    case AuthorityErrc::kSignerIsWeak:
      return "signer-is-weak";
    case AuthorityErrc::kUnknownCriticalExtension:
      return "unknown-critical-extension";
  }
  return "?";
}

}  // namespace muster::pki
