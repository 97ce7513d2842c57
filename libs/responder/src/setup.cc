#include "muster/responder/setup.h"

#include <algorithm>

#include "signer_lint.h"

namespace muster::responder {
namespace {

bool same_name_and_key(const pki::Certificate& a, const pki::Certificate& b) {
  return equal(a.subject(), b.subject()) && equal(a.public_key_bits(), b.public_key_bits());
}

/// Whether what one signs the other could have signed: the same certificate, or one CA key under several names.
bool one_signer(const Issuer& a, const Issuer& b) {
  if (a.authority == pki::Authority::kIssuer && b.authority == pki::Authority::kIssuer) {
    return equal(a.signer.public_key_info(), b.signer.public_key_info());
  }
  return a.signer == b.signer;
}

SetupErrc errc_for(pki::AuthorityErrc code) {
  return code == pki::AuthorityErrc::kSignerExpired || code == pki::AuthorityErrc::kSignerNotYetValid
             ? SetupErrc::kExpired
             : SetupErrc::kSignerRefused;
}

std::string_view remedy(pki::AuthorityErrc code) {
  switch (code) {
    case pki::AuthorityErrc::kNotIssuedByIssuerKey:
      return "have this CA issue the signer's certificate (one per CA key), or set locally_trusted_signer if clients are "
             "configured to trust it";
    case pki::AuthorityErrc::kMissingOcspSigning:
      return "issue it with extendedKeyUsage = OCSPSigning (anyExtendedKeyUsage does not count)";
    case pki::AuthorityErrc::kMissingDigitalSignature:
      return "issue it with keyUsage = digitalSignature";
    case pki::AuthorityErrc::kSignerExpired: return "renew it, then start again or send SIGHUP";
    case pki::AuthorityErrc::kSignerNotYetValid: return "check this machine's clock, or wait";
    case pki::AuthorityErrc::kUnknownCriticalExtension:
      return "issue it without critical extensions that clients do not know";
    case pki::AuthorityErrc::kSignerIsWeak:
      return "issue it with an RSA key of at least 2048 bits or an elliptic curve, signed with SHA-256 or better";
  }
  return "";
}

/// Signs a fixed text and verifies it under the certificate: a key that answers wrongly is found before clients find it.
Result<Unit, SetupError> try_signing(const pki::Signer& prototype, const pki::Certificate& certificate,
                                     const std::string& label) {
  pki::Signer signer = prototype.clone();
  const Bytes text = as_bytes("muster trial signature");
  Buffer signature;
  if (auto signed_ok = signer.sign(text, signature); !signed_ok) {
    return Err{SetupError{SetupErrc::kTrialFailed, label + ": the key cannot sign: " + signed_ok.error().detail}};
  }
  der::Reader reader(signer.algorithm());
  const auto algorithm = der::read_algorithm(reader, "signatureAlgorithm");
  MUSTER_ASSERT(algorithm);  // our own encoding
  if (auto verified = pki::verify_signature(*algorithm, text, signature, certificate); !verified) {
    return Err{SetupError{SetupErrc::kTrialFailed, label + ": a trial signature does not verify under " +
                                                       certificate.subject_text() + ": " + verified.error().detail}};
  }
  return Unit{};
}

Result<Issuer, SetupError> check_issuer(IssuerSpec spec, UnixSeconds now, std::vector<std::string>& warnings) {
  MUSTER_ASSERT(!spec.certificates.empty());
  const pki::Certificate& ca = spec.certificates.front();
  if (auto policy = check_policy(spec.policy); !policy) {
    return Err{SetupError{SetupErrc::kBadPolicy, spec.label + ": " + policy.error().detail}};
  }
  if (!spec.key.matches(spec.signer)) {
    return Err{SetupError{SetupErrc::kKeyMismatch,
                          spec.label + ": the private key does not belong to the signer's certificate " +
                              spec.signer.subject_text() + "; give the key that certificate was issued for"}};
  }
  const std::span<const pki::Certificate> trusted(
      &spec.signer, spec.locally_trusted == LocallyTrusted::kYes ? std::size_t{1} : std::size_t{0});
  const auto authority = pki::check_authority(spec.signer, ca, now, trusted);
  if (!authority) {
    return Err{SetupError{errc_for(authority.error()),
                          spec.label + ": signer " + spec.signer.subject_text() + " may not answer for " +
                              ca.subject_text() + ": " + std::string(pki::to_string(authority.error())) + "; " +
                              std::string(remedy(authority.error()))}};
  }
  if (spec.policy.profile == Profile::kWeb) {
    if (const std::string faults = find_web_faults(spec.signer, *authority); !faults.empty()) {
      return Err{SetupError{SetupErrc::kSignerRefused, spec.label + ": signer " + spec.signer.subject_text() +
                                                           " does not meet profile web: " + faults}};
    }
  }
  auto signer = pki::Signer::make(spec.key, spec.scheme);
  if (!signer) {
    return Err{SetupError{SetupErrc::kWeakOrUnsupported,
                          spec.label + ": cannot sign with this key: " + signer.error().detail}};
  }
  MUSTER_CHECK(try_signing(*signer, spec.signer, spec.label));

  // The CA lives as long as its longest-lived certificate.
  const auto by_end = [](const pki::Certificate& a, const pki::Certificate& b) {
    return a.not_after() < b.not_after();
  };
  const UnixSeconds ca_end =
      std::max_element(spec.certificates.begin(), spec.certificates.end(), by_end)->not_after();
  if (ca_end <= now) {
    return Err{SetupError{SetupErrc::kExpired, spec.label + ": the CA certificate " + ca.subject_text() + " ended " +
                                                   format_iso8601(ca_end) + "; add its renewed certificate to the file"}};
  }
  // A renewed CA certificate carries the same key, so the CA may sign by itself under any of them.
  const UnixSeconds signer_end =
      *authority == pki::Authority::kIssuer ? ca_end : spec.signer.not_after();
  Issuer issuer{.label = std::move(spec.label),
                .certificates = std::move(spec.certificates),
                .signer = std::move(spec.signer),
                .authority = *authority,
                .signing = *std::move(signer),
                .store_id = spec.store_id,
                .terms = {spec.policy, spec.origin, UnixSeconds{}, std::min(ca_end, signer_end)},
                .signer_group = 0};
  issuer.terms.not_before = issuer.signer.not_before();
  lint_signer(issuer, now, warnings);
  if (!issuer.certificates.front().facts().is_ca) {
    warnings.push_back(issuer.label + ": " + issuer.certificates.front().subject_text() +
                       " is not a CA certificate; is it the right file?");
  }
  return issuer;
}

}  // namespace

std::vector<pki::Certificate> same_issuer(const std::vector<pki::Certificate>& all) {
  std::vector<pki::Certificate> out;
  for (const pki::Certificate& certificate : all) {
    if (same_name_and_key(certificate, all.front())) {
      out.push_back(certificate);
    }
  }
  return out;
}

Result<std::shared_ptr<const Setup>, SetupError> Setup::make(std::vector<IssuerSpec> specs, const Policy& policy,
                                                             UnixSeconds now, std::vector<std::string>& warnings) {
  if (specs.empty()) {
    return Err{SetupError{SetupErrc::kNoIssuer, "no issuer to answer for; give --ca, or [[responder.issuer]] in the file"}};
  }
  std::shared_ptr<Setup> setup(new Setup(policy));
  for (IssuerSpec& spec : specs) {
    MUSTER_TRY(Issuer issuer, check_issuer(std::move(spec), now, warnings));
    const std::size_t position = setup->issuers_.size();
    issuer.signer_group = position;
    for (const Issuer& other : setup->issuers_) {
      if (one_signer(other, issuer)) {
        issuer.signer_group = other.signer_group;
      }
    }
    for (const HashAlgorithm hash : kAllHashAlgorithms) {
      if (hash == HashAlgorithm::kSha1 && policy.sha1 == Sha1CertIds::kRefused) {
        continue;
      }
      if (setup->index_.add(hash, issuer.certificates.front(), position) == IssuerIndex::Added::kAlreadyThere) {
        return Err{SetupError{SetupErrc::kDuplicateIssuer,
                              issuer.label + ": another issuer has the same name and key " +
                                  issuer.certificates.front().subject_text() +
                                  "; put renewed certificates of one CA into one file"}};
      }
    }
    setup->issuers_.push_back(std::move(issuer));
  }
  return std::shared_ptr<const Setup>(std::move(setup));
}

}  // namespace muster::responder
