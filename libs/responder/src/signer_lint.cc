#include "signer_lint.h"

namespace muster::responder {
namespace {

constexpr Seconds kExpiryWarning = std::chrono::hours(14 * 24);
constexpr auto kDigitalSignature = static_cast<std::uint16_t>(pki::KeyUsageBit::kDigitalSignature);
constexpr std::uint8_t kNameConstraints[] = {0x55, 0x1d, 0x1e};
constexpr std::uint8_t kSubjectAltName[] = {0x55, 0x1d, 0x11};

bool asserts_digital_signature(const pki::Certificate& certificate) {
  const auto& usage = certificate.facts().key_usage;
  return usage && (*usage & kDigitalSignature) != 0;
}

/// Whether an extension is marked critical; nothing when it is absent. The certificate parsed
/// already, so that every step here succeeds; a failure counts as absent.
std::optional<bool> criticality(const pki::Certificate& certificate, Bytes oid) {
  der::Reader outer(certificate.der());
  auto whole = outer.enter(der::Tag::kSequence, "Certificate");
  if (!whole) {
    return std::nullopt;
  }
  auto tbs = whole->enter(der::Tag::kSequence, "tbsCertificate");
  while (tbs && !tbs->at_end()) {
    const auto element = tbs->read_any("tbsCertificate");
    if (!element) {
      return std::nullopt;
    }
    if (element->tag == der::context_constructed(3)) {
      der::Reader list(element->content);
      const auto extensions = der::read_extensions(list, der::EmptyAllowed::kNo, "extensions");
      const auto found = extensions ? der::find_extension(*extensions, oid) : std::nullopt;
      return found ? std::optional(found->critical) : std::nullopt;
    }
  }
  return std::nullopt;
}

/// Whether id-kp-OCSPSigning is the one extended key usage.
bool only_ocsp_signing(const pki::Certificate& certificate) {
  const auto value = certificate.extension(oid::kCeExtendedKeyUsage);
  if (!value) {
    return false;
  }
  der::Reader outer(*value);
  auto list = outer.enter(der::Tag::kSequence, "extKeyUsage");
  if (!list) {
    return false;
  }
  const auto first = list->read_oid("extKeyUsage");
  return first && equal(*first, oid::kKpOcspSigning) && list->at_end();
}

}  // namespace

void lint_signer(const std::string& issuer, const IssuerSigner& signer, UnixSeconds now,
                 std::vector<std::string>& warnings) {
  const std::string who = issuer + ": signer " + signer.certificate.subject_text();
  const pki::CertificateFacts& facts = signer.certificate.facts();
  if (signer.authority != pki::Authority::kIssuer) {
    if (!facts.ocsp_no_check) {
      warnings.push_back(who +
                         " lacks id-pkix-ocsp-nocheck: clients may try to check it, and refuse it");
    }
    if (!facts.access.ocsp.empty() || !facts.crl_uris.empty()) {
      warnings.push_back(
          who +
          " names an OCSP address or CRL of its own, which invites clients to check it in circles");
    }
    if (facts.is_ca) {
      warnings.push_back(who + " is a CA certificate: strict clients refuse CAs as delegates");
    }
  } else if (facts.key_usage && !asserts_digital_signature(signer.certificate)) {
    warnings.push_back(
        who +
        " is the CA itself without keyUsage digitalSignature: strict clients refuse its answers");
  }
  if (signer.not_after - now < kExpiryWarning) {
    warnings.push_back(who + " or its CA ends " + format_iso8601(signer.not_after) + ", in " +
                       format_duration(signer.not_after - now) + "; answers end with it");
  }
}

std::string find_web_faults(const pki::Certificate& signer, pki::Authority authority) {
  if (authority == pki::Authority::kIssuer) {
    return asserts_digital_signature(signer)
               ? ""
               : "a CA key may sign OCSP answers only if its certificate asserts "
                 "digitalSignature (CA/B BR 7.1.2.10.7)";
  }
  const pki::CertificateFacts& facts = signer.facts();
  std::string faults;
  const auto demand = [&faults](bool holds, const char* rule) {
    if (!holds) {
      faults += (faults.empty() ? "" : ", ") + std::string(rule);
    }
  };
  demand(!facts.is_ca, "must not be a CA");
  demand(only_ocsp_signing(signer), "must have OCSPSigning as its only extended key usage");
  demand(facts.key_usage == kDigitalSignature && criticality(signer, oid::kCeKeyUsage) == true,
         "must have a critical keyUsage of digitalSignature alone");
  demand(facts.ocsp_no_check && criticality(signer, oid::kOcspNoCheck) == false,
         "must have a non-critical id-pkix-ocsp-nocheck");
  demand(facts.authority_key_id && criticality(signer, oid::kCeAuthorityKeyId) == false,
         "must have a non-critical authority key identifier");
  demand(!signer.extension(oid::kCeCrlDistributionPoints), "must not have CRL distribution points");
  demand(!signer.extension(kNameConstraints), "must not have name constraints");
  demand(!signer.extension(kSubjectAltName), "must not have a subject alternative name");
  return faults.empty() ? "" : faults + " (CA/B BR 7.1.2.8)";
}

}  // namespace muster::responder
