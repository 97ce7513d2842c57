#include "signer_check.h"

#include <algorithm>

#include "signer_lint.h"
#include "signing.h"

namespace muster::responder {
namespace {

SetupErrc errc_for(pki::AuthorityErrc code) {
  return code == pki::AuthorityErrc::kSignerExpired ||
                 code == pki::AuthorityErrc::kSignerNotYetValid
             ? SetupErrc::kExpired
             : SetupErrc::kSignerRefused;
}

std::string_view remedy(pki::AuthorityErrc code) {
  switch (code) {
    case pki::AuthorityErrc::kNotIssuedByIssuerKey:
      return "have this CA issue the signer's certificate (one per CA key), or set "
             "locally_trusted_signer if clients are "
             "configured to trust it";
    case pki::AuthorityErrc::kMissingOcspSigning:
      return "issue it with extendedKeyUsage = OCSPSigning (anyExtendedKeyUsage does not count)";
    case pki::AuthorityErrc::kMissingDigitalSignature:
      return "issue it with keyUsage = digitalSignature";
    case pki::AuthorityErrc::kSignerExpired:
      return "renew it, then start again or send SIGHUP";
    case pki::AuthorityErrc::kSignerNotYetValid:
      return "check this machine's clock, or wait";
    case pki::AuthorityErrc::kUnknownCriticalExtension:
      return "issue it without critical extensions that clients do not know";
    case pki::AuthorityErrc::kSignerIsWeak:
      return "issue it with an RSA key of at least 2048 bits or an elliptic curve, signed with "
             "SHA-256 or better";
  }
  return "";
}

/// Signs a fixed text and verifies it under the certificate: a key that answers wrongly is found
/// before clients find it.
Result<Unit, SetupError> try_signing(const pki::Signer& prototype,
                                     const pki::Certificate& certificate,
                                     const std::string& label) {
  pki::Signer signer = prototype.clone();
  const Bytes text = as_bytes("muster trial signature");
  Buffer signature;
  if (auto signed_ok = signer.sign(text, signature); !signed_ok) {
    const bool may_pass = signed_ok.error().code == pki::PkiErrc::kUnavailable;
    return Err{SetupError{may_pass ? SetupErrc::kKeyUnavailable : SetupErrc::kTrialFailed,
                          label + ": the key cannot sign: " + signed_ok.error().detail}};
  }
  der::Reader reader(signer.algorithm());
  const auto algorithm = der::read_algorithm(reader, "signatureAlgorithm");
  MUSTER_ASSERT(algorithm);  // our own encoding
  if (auto verified = pki::verify_signature(*algorithm, text, signature, certificate); !verified) {
    return Err{SetupError{SetupErrc::kTrialFailed,
                          label + ": a trial signature does not verify under " +
                              certificate.subject_text() + ": " + verified.error().detail}};
  }
  return Unit{};
}

}  // namespace

UnixSeconds end_of_ca(const std::vector<pki::Certificate>& certificates) {
  const auto by_end = [](const pki::Certificate& a, const pki::Certificate& b) {
    return a.not_after() < b.not_after();
  };
  return std::max_element(certificates.begin(), certificates.end(), by_end)->not_after();
}

std::size_t typical_answer_bytes(const IssuerSigner& signer) {
  const auto serial = Serial::make(Buffer(20, 0x5a));
  MUSTER_ASSERT(serial);
  const Buffer digest(digest_size(HashAlgorithm::kSha256), 0);
  ocsp::ResponseData data;
  data.responder_id = signer.certificate.key_hash();
  data.responses.push_back(
      {ocsp::CertId::make(HashAlgorithm::kSha256, digest, digest, *serial).der(),
       ocsp::Good{},
       UnixSeconds{},
       UnixSeconds{},
       {}});
  ocsp::SignaturePart part = part_of(signer);
  part.signature.resize(signer.signing.max_signature_bytes());
  return ocsp::encode_response(ocsp::encode_response_data(data), part).size();
}

bool one_signer(const IssuerSigner& a, const IssuerSigner& b) {
  if (a.authority == pki::Authority::kIssuer && b.authority == pki::Authority::kIssuer) {
    return equal(a.certificate.public_key_info(), b.certificate.public_key_info()) &&
           equal(a.signing.algorithm(), b.signing.algorithm());
  }
  return a.certificate == b.certificate && equal(a.signing.algorithm(), b.signing.algorithm());
}

Result<IssuerSigner, SetupError> check_signer(SignerSpec spec, const IssuerSpec& issuer,
                                              UnixSeconds now, MayWait may_wait,
                                              std::vector<std::string>& warnings) {
  const pki::Certificate& ca = issuer.certificates.front();
  if (spec.label.empty()) {
    spec.label = spec.certificate.subject_text();
  }
  if (!spec.key.matches(spec.certificate)) {
    return Err{SetupError{
        SetupErrc::kKeyMismatch,
        issuer.label + ": the private key does not belong to the signer's certificate " +
            spec.certificate.subject_text() + "; give the key that certificate was issued for"}};
  }
  const std::span<const pki::Certificate> trusted(
      &spec.certificate,
      spec.locally_trusted == LocallyTrusted::kYes ? std::size_t{1} : std::size_t{0});
  const UnixSeconds when =
      may_wait == MayWait::kYes ? std::max(now, spec.certificate.not_before()) : now;
  const auto authority = pki::check_authority(spec.certificate, ca, when, trusted);
  if (!authority) {
    return Err{SetupError{errc_for(authority.error()),
                          issuer.label + ": signer " + spec.label + " may not answer for " +
                              ca.subject_text() + ": " +
                              std::string(pki::to_string(authority.error())) + "; " +
                              std::string(remedy(authority.error()))}};
  }
  const ProfileRow& profile = row_of(issuer.policy.profile);
  if (profile.limits.any_signer == Permitted::kNo) {
    if (const std::string faults = find_web_faults(spec.certificate, *authority); !faults.empty()) {
      return Err{SetupError{SetupErrc::kSignerRefused,
                            issuer.label + ": signer " + spec.label + " does not meet profile " +
                                std::string(profile.name) + ": " + faults}};
    }
  }
  auto signing = pki::Signer::make(spec.key, spec.scheme);
  if (!signing) {
    return Err{
        SetupError{SetupErrc::kWeakOrUnsupported, issuer.label + ": cannot sign with the key of " +
                                                      spec.label + ": " + signing.error().detail}};
  }
  if (auto tried = try_signing(*signing, spec.certificate, issuer.label); !tried) {
    // Others sign until its token answers; it is known by its public half, and every signature of
    // it is verified.
    if (tried.error().code != SetupErrc::kKeyUnavailable || issuer.signers.size() < 2) {
      return Err{tried.error()};
    }
    warnings.push_back(tried.error().detail + "; other signers take its place until it can");
  }
  const UnixSeconds ca_end = end_of_ca(issuer.certificates);
  // A renewed CA certificate carries the same key, so the CA may sign by itself under any of them.
  const UnixSeconds signer_end =
      *authority == pki::Authority::kIssuer ? ca_end : spec.certificate.not_after();
  IssuerSigner signer{.label = std::move(spec.label),
                      .certificate = spec.certificate,
                      .authority = *authority,
                      .signing = *std::move(signing),
                      .role = spec.role,
                      .not_before = spec.certificate.not_before(),
                      .not_after = std::min(ca_end, signer_end),
                      .number = 0};
  lint_signer(issuer.label, signer, now, warnings);
  return signer;
}

}  // namespace muster::responder
