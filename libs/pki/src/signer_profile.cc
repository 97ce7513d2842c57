#include "muster/pki/signer_profile.h"

namespace muster::pki {
namespace {

constexpr auto kDigitalSignature = static_cast<std::uint16_t>(KeyUsageBit::kDigitalSignature);
constexpr std::uint8_t kNameConstraints[] = {0x55, 0x1d, 0x1e};
constexpr std::uint8_t kSubjectAltName[] = {0x55, 0x1d, 0x11};

}  // namespace

std::string_view to_string(SignerFault fault) {
  switch (fault) {
    case SignerFault::kCaWithoutDigitalSignature:
      return "a CA key may sign OCSP answers only if its certificate asserts digitalSignature";
    case SignerFault::kIsCa:
      return "must not be a CA";
    case SignerFault::kOtherPurposes:
      return "must have OCSPSigning as its only extended key usage";
    case SignerFault::kKeyUsage:
      return "must have a critical keyUsage of digitalSignature alone";
    case SignerFault::kNoCheck:
      return "must have a non-critical id-pkix-ocsp-nocheck";
    case SignerFault::kAuthorityKeyId:
      return "must have a non-critical authority key identifier";
    case SignerFault::kCrlPoints:
      return "must not have CRL distribution points";
    case SignerFault::kNameConstraints:
      return "must not have name constraints";
    case SignerFault::kAlternativeName:
      return "must not have a subject alternative name";
  }
  return "?";
}

// The certificate parsed already, so that every step here succeeds; a failure counts as absent.
std::optional<bool> find_criticality(const Certificate& certificate, Bytes oid) {
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

bool is_for_ocsp_signing_only(const Certificate& certificate) {
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

std::vector<SignerFault> find_signer_faults(const Certificate& signer, Authority authority) {
  const CertificateFacts& facts = signer.facts();
  std::vector<SignerFault> faults;
  const auto demand = [&faults](bool holds, SignerFault fault) {
    if (!holds) {
      faults.push_back(fault);
    }
  };
  if (authority == Authority::kIssuer) {
    demand(facts.key_usage && (*facts.key_usage & kDigitalSignature) != 0,
           SignerFault::kCaWithoutDigitalSignature);
    return faults;
  }
  demand(!facts.is_ca, SignerFault::kIsCa);
  demand(is_for_ocsp_signing_only(signer), SignerFault::kOtherPurposes);
  demand(facts.key_usage == kDigitalSignature && find_criticality(signer, oid::kCeKeyUsage) == true,
         SignerFault::kKeyUsage);
  demand(facts.ocsp_no_check && find_criticality(signer, oid::kOcspNoCheck) == false,
         SignerFault::kNoCheck);
  demand(facts.authority_key_id && find_criticality(signer, oid::kCeAuthorityKeyId) == false,
         SignerFault::kAuthorityKeyId);
  demand(!signer.extension(oid::kCeCrlDistributionPoints), SignerFault::kCrlPoints);
  demand(!signer.extension(kNameConstraints), SignerFault::kNameConstraints);
  demand(!signer.extension(kSubjectAltName), SignerFault::kAlternativeName);
  return faults;
}

}  // namespace muster::pki
