#include <algorithm>

#include "case.h"
#include "muster/pki/signer_profile.h"

// The certificates behind answers, and how they ride along.
namespace muster::lint {
namespace {

using pki::Authority;
using pki::SignerFault;

constexpr Seconds kDay = std::chrono::hours(24);
constexpr std::uint8_t kCertificatePolicies[] = {0x55, 0x1d, 0x20};

bool is_delegate(const Case& c) { return c.authority == Authority::kDelegate; }

/// CA/B BR 7.1.2.8, one demand each; pki judges.
template <SignerFault kFault>
Ruling web_delegate(const Case& c) {
  if (!is_delegate(c)) {
    return skip();
  }
  const auto faults = pki::find_signer_faults(*c.signer, Authority::kDelegate);
  return demand(std::find(faults.begin(), faults.end(), kFault) == faults.end(),
                c.signer->subject_text() + ": a delegate " + std::string(to_string(kFault)));
}

Ruling web_ca_signer(const Case& c) {
  if (c.authority != Authority::kIssuer) {
    return skip();
  }
  const auto faults = pki::find_signer_faults(*c.signer, Authority::kIssuer);
  return demand(faults.empty(), c.signer->subject_text() +
                                    " signs by itself, and its key usage lacks digitalSignature");
}

Ruling no_policies(const Case& c) {
  return is_delegate(c) ? demand(!c.signer->extension(kCertificatePolicies),
                                 c.signer->subject_text() + " has certificatePolicies")
                        : skip();
}

Ruling has_no_check(const Case& c) {
  return is_delegate(c) ? demand(c.signer->facts().ocsp_no_check,
                                 c.signer->subject_text() + " lacks id-pkix-ocsp-nocheck")
                        : skip();
}

Ruling no_check_form(const Case& c) {
  const auto value = c.signer->extension(oid::kOcspNoCheck);
  if (!value) {
    return skip();
  }
  if (!ocsp::parse_null_value(*value, "ocsp-nocheck")) {
    return broken("the value of id-pkix-ocsp-nocheck is " + to_hex(*value) + ", not NULL");
  }
  return demand(pki::find_criticality(*c.signer, oid::kOcspNoCheck) == false,
                "id-pkix-ocsp-nocheck is marked critical");
}

Ruling names_no_status_source(const Case& c) {
  if (!is_delegate(c)) {
    return skip();
  }
  const pki::CertificateFacts& facts = c.signer->facts();
  return demand(facts.access.ocsp.empty() && facts.crl_uris.empty(),
                c.signer->subject_text() + " names " +
                    (facts.access.ocsp.empty() ? facts.crl_uris.empty() ? "" : facts.crl_uris[0]
                                               : facts.access.ocsp[0]) +
                    " for its own status");
}

Ruling delegate_is_no_ca(const Case& c) {
  return is_delegate(c)
             ? demand(!c.signer->facts().is_ca, c.signer->subject_text() + " is a CA certificate")
             : skip();
}

Seconds lifetime(const pki::Certificate& certificate) {
  return certificate.not_after() - certificate.not_before();
}

Ruling short_lived(const Case& c) {
  return is_delegate(c) ? demand(lifetime(*c.signer) <= 366 * kDay,
                                 c.signer->subject_text() + " is valid for " +
                                     format_duration(lifetime(*c.signer)))
                        : skip();
}

Ruling federal_lifetime(const Case& c) {
  return is_delegate(c) ? demand(lifetime(*c.signer) <= 45 * kDay,
                                 c.signer->subject_text() + " is valid for " +
                                     format_duration(lifetime(*c.signer)))
                        : skip();
}

Ruling federal_purposes(const Case& c) {
  if (!is_delegate(c)) {
    return skip();
  }
  if (!pki::is_for_ocsp_signing_only(*c.signer)) {
    return broken("the extended key usage holds more than OCSPSigning, or lacks it");
  }
  return demand(pki::find_criticality(*c.signer, oid::kCeExtendedKeyUsage) == true,
                "the extended key usage is not critical");
}

Ruling federal_no_basic_constraints(const Case& c) {
  return is_delegate(c) ? demand(!c.signer->extension(oid::kCeBasicConstraints),
                                 "the delegate's certificate has basicConstraints")
                        : skip();
}

// ---- how certificates ride along

Ruling delegate_is_sent(const Case& c) {
  const ResponseFacts& facts = *c.response;
  if (facts.authority != Authority::kDelegate || !facts.signer) {
    return skip();
  }
  return demand(std::find(facts.certificates.begin(), facts.certificates.end(), *facts.signer) !=
                    facts.certificates.end(),
                "certs lack the certificate of the delegate " + facts.signer->subject_text());
}

Ruling signer_comes_first(const Case& c) {
  const ResponseFacts& facts = *c.response;
  if (facts.authority != Authority::kDelegate || !facts.signer || facts.certificates.empty()) {
    return skip();
  }
  return demand(facts.certificates.front() == *facts.signer,
                "the first of " + std::to_string(facts.certificates.size()) +
                    " certificates in certs is " + facts.certificates.front().subject_text() +
                    ", not the signer");
}

Ruling issuer_is_not_sent(const Case& c) {
  const ResponseFacts& facts = *c.response;
  if (facts.authority != Authority::kIssuer) {
    return skip();
  }
  return demand(facts.loose.certificates.empty(),
                "the CA signs by itself, and certs hold " +
                    std::to_string(facts.loose.certificates.size()) + " certificates");
}

/// Mozilla policy 3.1 section 6: of every certificate in certs, or of the issuing CA.
Ruling within_certificates(const Case& c) {
  std::optional<UnixSeconds> end;
  for (const pki::Certificate& certificate : c.response->certificates) {
    end = std::min(end.value_or(certificate.not_after()), certificate.not_after());
  }
  if (!end && c.subject.issuer) {
    end = c.subject.issuer->not_after();
  }
  if (!end) {
    return skip();
  }
  return each_entry(c, [&](const LooseEntry& e) -> std::optional<std::string> {
    return e.next_update && *e.next_update > *end
               ? std::optional("nextUpdate " + time_text(e.next_update) +
                               " lies behind the end of a certificate that is needed, " +
                               format_iso8601(*end))
               : std::nullopt;
  });
}

constexpr ProfileSet kNoCheckDemanded = kForumProfiles | set_of({Profile::kFpki});
constexpr ProfileSet kNoCheckAdvised = kLightweight | set_of({Profile::kEtsi});

constexpr Rule kRules[] = {
    {"delegate-no-check-form", Scope::kSigner, Level::kMust, kEveryProfile, "RFC 6960 4.2.2.2.1",
     "OCSP-COD-022", "id-pkix-ocsp-nocheck is NULL and not critical.", no_check_form},
    {"delegate-no-check", Scope::kSigner, Level::kMust, kNoCheckDemanded,
     "CA/B BR 4.9.9, 7.1.2.8; CSBR 4.9.9; S/MIME BR 4.9.9; federal responder profile",
     "OCSP-RESP-069", "A delegate's certificate has id-pkix-ocsp-nocheck.", has_no_check},
    {"delegate-no-check-advised", Scope::kSigner, Level::kShould, kNoCheckAdvised,
     "RFC 9919 3.2.2; EN 319 411-1 CSS-6.6.3-01B", "OCSP-RESP-040",
     "A delegate's certificate has id-pkix-ocsp-nocheck.", has_no_check},
    {"delegate-no-check-known", Scope::kSigner, Level::kInfo,
     set_of({Profile::kRfc6960, Profile::kOcpp}), "RFC 6960 4.2.2.2.1", "OCSP-CLI-011",
     "Without id-pkix-ocsp-nocheck clients check the delegate, or refuse it.", has_no_check},
    {"delegate-names-no-source", Scope::kSigner, Level::kShould, kNoCheckAdvised,
     "RFC 9919 3.2.2; EN 319 411-1 CSS-6.6.3-01B", "OCSP-RESP-040",
     "A delegate's certificate names neither an OCSP responder nor CRLs.", names_no_status_source},
    {"delegate-short-lived", Scope::kSigner, Level::kInfo, kLightweight, "RFC 9919 3.2.2",
     "OCSP-RESP-040", "A delegate's certificate is short-lived; a year is not.", short_lived},
    {"delegate-no-ca", Scope::kSigner, Level::kInfo,
     static_cast<ProfileSet>(kEveryProfile & ~kWebProfiles), "users.md 1.4 (practice)",
     "OCSP-RESP-040", "Strict clients refuse a CA certificate as a delegate's.", delegate_is_no_ca},
    {"web-delegate-no-ca", Scope::kSigner, Level::kMust, kWebProfiles, "CA/B BR 7.1.2.8",
     "OCSP-RESP-069", "A delegate is no CA.", web_delegate<SignerFault::kIsCa>},
    {"web-delegate-purpose", Scope::kSigner, Level::kMust, kWebProfiles, "CA/B BR 7.1.2.8.5",
     "OCSP-RESP-069", "A delegate has OCSPSigning as its only extended key usage.",
     web_delegate<SignerFault::kOtherPurposes>},
    {"web-delegate-key-usage", Scope::kSigner, Level::kMust, kWebProfiles, "CA/B BR 7.1.2.8.7",
     "OCSP-RESP-069", "A delegate has a critical keyUsage of digitalSignature alone.",
     web_delegate<SignerFault::kKeyUsage>},
    {"web-delegate-authority-key-id", Scope::kSigner, Level::kMust, kWebProfiles,
     "CA/B BR 7.1.2.8.2", "OCSP-RESP-069",
     "A delegate has a non-critical authority key identifier.",
     web_delegate<SignerFault::kAuthorityKeyId>},
    {"web-delegate-no-crl-points", Scope::kSigner, Level::kMust, kWebProfiles, "CA/B BR 7.1.2.8.2",
     "OCSP-RESP-069", "A delegate has no CRL distribution points.",
     web_delegate<SignerFault::kCrlPoints>},
    {"web-delegate-no-name-constraints", Scope::kSigner, Level::kMust, kWebProfiles,
     "CA/B BR 7.1.2.8.2", "OCSP-RESP-069", "A delegate has no name constraints.",
     web_delegate<SignerFault::kNameConstraints>},
    {"web-delegate-no-alternative-name", Scope::kSigner, Level::kMust, kWebProfiles,
     "CA/B BR 7.1.2.8.2", "OCSP-RESP-069", "A delegate has no subjectAltName.",
     web_delegate<SignerFault::kAlternativeName>},
    {"web-delegate-no-policies", Scope::kSigner, Level::kMust, kWebProfiles, "CA/B BR 7.1.2.8.2",
     "OCSP-RESP-069", "A delegate has no certificatePolicies.", no_policies},
    {"web-ca-signer", Scope::kSigner, Level::kMust, kWebProfiles, "CA/B BR 7.1.2.10.7",
     "OCSP-RESP-070", "A CA that signs answers itself asserts digitalSignature.", web_ca_signer},
    {"federal-delegate-lifetime", Scope::kSigner, Level::kMust, set_of({Profile::kFpki}),
     "federal delegated responder certificate profile", "OCSP-RESP-040",
     "A delegate's certificate is valid for at most 45 days.", federal_lifetime},
    {"federal-delegate-purpose", Scope::kSigner, Level::kMust, set_of({Profile::kFpki}),
     "federal delegated responder certificate profile", "OCSP-RESP-017",
     "A delegate has a critical extended key usage of OCSPSigning alone.", federal_purposes},
    {"federal-delegate-key-usage", Scope::kSigner, Level::kMust, set_of({Profile::kFpki}),
     "federal delegated responder certificate profile", "OCSP-CLI-009",
     "A delegate has a critical keyUsage of digitalSignature alone.",
     web_delegate<SignerFault::kKeyUsage>},
    {"federal-delegate-plain", Scope::kSigner, Level::kMust, set_of({Profile::kFpki}),
     "federal delegated responder certificate profile", "OCSP-RESP-040",
     "A delegate's certificate has no basicConstraints.", federal_no_basic_constraints},
    {"delegate-sent", Scope::kResponse, Level::kMust, kLightweight | set_of({Profile::kFpki}),
     "RFC 9919 3.2.2; federal OCSP response profile", "OCSP-RESP-039",
     "A delegate's answer brings its certificate along.", delegate_is_sent},
    {"delegate-sent-first", Scope::kResponse, Level::kInfo, kEveryProfile,
     "users.md 1.4 (practice)", "OCSP-CLI-048",
     "Some clients read the first certificate alone: it is the signer's.", signer_comes_first},
    {"issuer-not-sent", Scope::kResponse, Level::kInfo, kEveryProfile,
     "users.md 1.4 (practice: golang/go#81395)", "OCSP-CLI-047",
     "An answer that the CA signs itself needs no certificate; some clients refuse it.",
     issuer_is_not_sent},
    {"within-certificates", Scope::kResponse, Level::kMust, set_of({Profile::kMozilla}),
     "Mozilla policy 3.1 6", "OCSP-RESP-072",
     "nextUpdate lies within the validity of every certificate in certs, or of the CA.",
     within_certificates},
    {"within-certificates-advised", Scope::kResponse, Level::kInfo,
     static_cast<ProfileSet>(kEveryProfile & ~set_of({Profile::kMozilla})),
     "users.md 1.4 (practice)", "OCSP-RESP-072",
     "Clients drop an answer when a certificate that it needs ends.", within_certificates},
};

}  // namespace

std::span<const Rule> signer_rules() { return kRules; }

}  // namespace muster::lint
