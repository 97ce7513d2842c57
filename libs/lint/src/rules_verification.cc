#include "case.h"

// What clients refuse. The verifier of muster::client judges; here its findings get their clauses.
namespace muster::lint {
namespace {

using client::VerifyErrc;
using pki::AuthorityErrc;

/// The verifier's findings about the signer.
template <VerifyErrc kCode>
Ruling about_signer(const Case& c) {
  const client::Examination& examined = c.response->examined;
  if (const auto* error = examined.find(kCode)) {
    return broken(error->detail);
  }
  return examined.signer ? holds() : skip();
}
template <AuthorityErrc kCode>
Ruling about_authority(const Case& c) {
  const client::Examination& examined = c.response->examined;
  const auto* error = examined.find(VerifyErrc::kSignerUnauthorised);
  if (error != nullptr && error->authority == kCode) {
    return broken(error->detail);
  }
  return examined.signer ? holds() : skip();
}
/// Its findings about the content.
template <VerifyErrc kCode>
Ruling about_content(const Case& c) {
  const client::Examination& examined = c.response->examined;
  if (const auto* error = examined.find(kCode)) {
    return broken(error->detail);
  }
  return examined.is_open ? holds() : skip();
}

Ruling certificate_is_answered(const Case& c) {
  const bool is_known = c.subject.certificate && c.subject.issuer;
  if (!is_known || !is_about_the_certificate(c.exchange().probe)) {
    return skip();
  }
  return about_content<VerifyErrc::kNoMatch>(c);
}

Ruling nonce_matches(const Case& c) {
  return c.exchange().nonce && find_extension(c.loose().extensions, oid::kOcspNonce) != nullptr
             ? about_content<VerifyErrc::kNonceMismatch>(c)
             : skip();
}

Ruling produced_behind_not_before(const Case& c) {
  return c.subject.certificate && is_about_the_certificate(c.exchange().probe)
             ? about_content<VerifyErrc::kProducedBeforeCertificate>(c)
             : skip();
}

constexpr Rule kRules[] = {
    {"signer-found", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.2.3",
     "OCSP-RESP-019", "The responder id means a certificate that is sent along or the issuer's.",
     about_signer<VerifyErrc::kSignerNotFound>},
    {"signed-by-entitled-key", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.2.2",
     "OCSP-RESP-003", "The signer is the issuer's key or was certified by it directly.",
     about_authority<AuthorityErrc::kNotIssuedByIssuerKey>},
    {"signer-has-ocsp-signing", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.2.2",
     "OCSP-RESP-017", "A delegate's certificate asserts id-kp-OCSPSigning.",
     about_authority<AuthorityErrc::kMissingOcspSigning>},
    {"signer-may-sign", Scope::kResponse, Level::kMust, kEveryProfile,
     "RFC 6960 3.2, RFC 5280 4.2.1.3", "OCSP-CLI-009",
     "A signer's key usage, if there is one, asserts digitalSignature.",
     about_authority<AuthorityErrc::kMissingDigitalSignature>},
    {"signer-not-expired", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 3.2",
     "OCSP-CLI-009", "The signer's certificate has not expired.",
     about_authority<AuthorityErrc::kSignerExpired>},
    {"signer-already-valid", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 3.2",
     "OCSP-CLI-009", "The signer's certificate is valid already.",
     about_authority<AuthorityErrc::kSignerNotYetValid>},
    {"signer-certified-strongly", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 5.1",
     "OCSP-RESP-030", "The signer's certificate is not signed with a weak algorithm.",
     about_authority<AuthorityErrc::kSignerIsWeak>},
    {"signer-extensions-known", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 5280 4.2",
     "OCSP-CLI-009", "The signer's certificate has no critical extension that is not understood.",
     about_authority<AuthorityErrc::kUnknownCriticalExtension>},
    {"signature-holds", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.1",
     "OCSP-COD-011", "The signature over ResponseData holds under the signer's key.",
     about_signer<VerifyErrc::kBadSignature>},
    {"signature-strong", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 5.1",
     "OCSP-RESP-030", "Neither SHA-1, MD5 nor a short key is used to sign.",
     about_signer<VerifyErrc::kWeakSignature>},
    {"signature-supported", Scope::kResponse, Level::kInfo, kEveryProfile, "RFC 6960 4.3",
     "OCSP-RESP-031", "The signature's algorithm is one that clients can verify.",
     about_signer<VerifyErrc::kUnsupportedSignature>},
    {"extensions-understood", Scope::kResponse, Level::kShould, kEveryProfile, "RFC 6960 4.4",
     "OCSP-CLI-025", "No critical extension keeps clients from using the response.",
     about_content<VerifyErrc::kCriticalExtension>},
    {"certificate-answered", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.2.3",
     "OCSP-RESP-020", "An entry names the certificate that was asked about.",
     certificate_is_answered},
    {"nonce-matches", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 9654 2.1",
     "OCSP-RESP-054", "A nonce that comes back is the one that was sent.", nonce_matches},
    {"not-expired", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.2.1",
     "OCSP-CLI-014", "nextUpdate has not passed.", about_content<VerifyErrc::kExpired>},
    {"this-update-not-ahead", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.2.1",
     "OCSP-CLI-012", "thisUpdate does not lie in the future.",
     about_content<VerifyErrc::kNotYetValid>},
    {"not-too-old", Scope::kResponse, Level::kShould, kEveryProfile, "RFC 6960 4.2.2.1",
     "OCSP-CLI-016", "Without nextUpdate thisUpdate is at most a day old.",
     about_content<VerifyErrc::kTooOld>},
    {"interval-in-order", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 2.4",
     "OCSP-RESP-012", "nextUpdate does not lie before thisUpdate.",
     about_content<VerifyErrc::kInvalidInterval>},
    {"produced-after-issuance", Scope::kResponse, Level::kShould, kEveryProfile, "RFC 6960 2.4",
     "OCSP-RESP-012", "A response is not signed before the certificate's validity begins.",
     produced_behind_not_before},
};

}  // namespace

std::span<const Rule> verification_rules() { return kRules; }

}  // namespace muster::lint
