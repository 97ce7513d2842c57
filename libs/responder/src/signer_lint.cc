#include "signer_lint.h"

#include "muster/pki/signer_profile.h"

namespace muster::responder {
namespace {

constexpr Seconds kExpiryWarning = std::chrono::hours(14 * 24);

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
  } else if (facts.key_usage &&
             !pki::find_signer_faults(signer.certificate, signer.authority).empty()) {
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
  std::string faults;
  for (const pki::SignerFault fault : pki::find_signer_faults(signer, authority)) {
    faults += (faults.empty() ? "" : ", ") + std::string(to_string(fault));
  }
  if (faults.empty()) {
    return "";
  }
  return faults +
         (authority == pki::Authority::kIssuer ? " (CA/B BR 7.1.2.10.7)" : " (CA/B BR 7.1.2.8)");
}

}  // namespace muster::responder
