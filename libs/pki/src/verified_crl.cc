#include "muster/pki/verified_crl.h"

#include "muster/crl/name_match.h"

namespace muster::pki {
namespace {

CrlErrc code_of(PkiErrc code) {
  if (code == PkiErrc::kUnsupportedAlgorithm) {
    return CrlErrc::kUnsupportedSignature;
  }
  return code == PkiErrc::kWeakAlgorithm ? CrlErrc::kWeakSignature : CrlErrc::kBadSignature;
}

bool may_sign_crls(const Certificate& signer) {
  const auto& usage = signer.facts().key_usage;
  return !usage || (*usage & static_cast<std::uint16_t>(KeyUsageBit::kCrlSign)) != 0;
}

bool has_key_id(const Certificate& signer, const std::optional<Bytes>& wanted) {
  const auto& own = signer.facts().subject_key_id;
  return !wanted || !own || equal(*own, *wanted);
}

/// Keeps the problem that came furthest.
void note(std::optional<CrlError>& furthest, CrlError problem) {
  if (!furthest || problem.code > furthest->code) {
    furthest = std::move(problem);
  }
}

}  // namespace

std::string_view to_string(CrlErrc code) {
  switch (code) {
    case CrlErrc::kNoCrl:
      return "no-crl";
    case CrlErrc::kMalformed:
      return "malformed";
    case CrlErrc::kOutOfScope:
      return "out-of-scope";
    case CrlErrc::kNoBase:
      return "no-base-crl";
    case CrlErrc::kCertificateExpired:
      return "certificate-expired";
    case CrlErrc::kCriticalExtension:
      return "critical-extension";
    case CrlErrc::kDefective:
      return "defective";
    case CrlErrc::kNoSigner:
      return "signer-not-found";
    case CrlErrc::kUnsupportedSignature:
      return "unsupported-signature";
    case CrlErrc::kWeakSignature:
      return "weak-signature";
    case CrlErrc::kBadSignature:
      return "bad-signature";
    case CrlErrc::kSignerNotEntitled:
      return "signer-not-entitled";
    case CrlErrc::kSignerUntrusted:
      return "signer-untrusted";
    case CrlErrc::kSignerRevoked:
      return "signer-revoked";
    case CrlErrc::kSignerUndetermined:
      return "signer-undetermined";
    case CrlErrc::kInvalidInterval:
      return "invalid-interval";
    case CrlErrc::kNotYetValid:
      return "not-yet-valid";
    case CrlErrc::kTooOld:
      return "too-old";
    case CrlErrc::kExpired:
      return "expired";
    case CrlErrc::kReasonsNotCovered:
      return "reasons-not-covered";
    case CrlErrc::kTooComplex:
      return "too-complex";
  }
  return "unknown-problem";
}

Result<Unit, CrlError> check_crl_usable(const crl::CrlView& crl) {
  if (crl.unknown_critical_extension) {
    return Err{
        CrlError{CrlErrc::kCriticalExtension, "the CRL has a critical extension we do not know"}};
  }
  if (crl.unknown_critical_entry_extension) {
    return Err{CrlError{CrlErrc::kCriticalExtension,
                        "an entry of the CRL has a critical extension we do not know"}};
  }
  if (const auto defect = crl.defects.disqualifying()) {
    return Err{
        CrlError{CrlErrc::kDefective, std::string(crl::to_string(*defect)) + " at octet " +
                                          std::to_string(crl.defects.first_offset(*defect))}};
  }
  return Unit{};
}

Result<VerifiedCrl, CrlError> verify_crl(const crl::CrlView& crl,
                                         std::span<const Certificate> issuers,
                                         const AlgorithmPolicy& policy, const TbsDigest* made) {
  MUSTER_CHECK(check_crl_usable(crl));
  std::optional<CrlError> furthest;
  for (const bool want_key_id :
       {true, false}) {  // identifiers that differ are a hint, not a verdict
    for (const Certificate& issuer : issuers) {
      if (!crl::same_name(issuer.subject(), crl.issuer) ||
          has_key_id(issuer, crl.authority_key_id) != want_key_id) {
        continue;
      }
      const auto verified = verify_signature(crl.signature_algorithm, crl.tbs_raw, crl.signature,
                                             issuer, policy, made);
      if (!verified) {
        note(furthest, {code_of(verified.error().code), verified.error().detail});
      } else if (!may_sign_crls(issuer)) {
        note(furthest, {CrlErrc::kSignerNotEntitled,
                        "the key usage of " + issuer.subject_text() + " does not have cRLSign"});
      } else {
        return VerifiedCrl(crl, issuer);
      }
    }
  }
  if (furthest) {
    return Err{*std::move(furthest)};
  }
  return Err{CrlError{CrlErrc::kNoSigner, "no certificate of " + der::name_to_string(crl.issuer)}};
}

Result<Unit, CrlError> check_crl_times(const crl::CrlView& crl, UnixSeconds now,
                                       const CrlTimePolicy& policy) {
  const auto fail = [](CrlErrc code, std::string detail) {
    return Err{CrlError{code, std::move(detail)}};
  };
  const std::string issued = format_iso8601(crl.this_update);
  if (crl.next_update && *crl.next_update < crl.this_update) {
    return fail(CrlErrc::kInvalidInterval, "nextUpdate " + format_iso8601(*crl.next_update) +
                                               " is before thisUpdate " + issued);
  }
  if (crl.this_update > now + policy.future_skew) {
    return fail(CrlErrc::kNotYetValid, "thisUpdate " + issued + " is in the future");
  }
  if (policy.max_age && crl.this_update < now - *policy.max_age) {
    return fail(CrlErrc::kTooOld,
                "issued at " + issued + ", older than " + format_duration(*policy.max_age));
  }
  if (!crl.next_update) {
    if (crl.this_update < now - policy.max_age_without_next_update) {
      return fail(CrlErrc::kTooOld, "no nextUpdate, and issued at " + issued + ", older than " +
                                        format_duration(policy.max_age_without_next_update));
    }
  } else if (*crl.next_update < now - policy.expiry_tolerance) {
    return fail(CrlErrc::kExpired, "nextUpdate was " + format_iso8601(*crl.next_update));
  }
  return Unit{};
}

}  // namespace muster::pki
