#include "muster/pki/authority.h"

#include <gtest/gtest.h>

#include "muster/testing/pki_builder.h"

namespace muster::pki {
namespace {

using muster::testing::ca_spec;
using muster::testing::CertificateSpec;
using muster::testing::Identity;
using muster::testing::issue;
using muster::testing::kTestNow;
using muster::testing::make_self_signed;
using muster::testing::ocsp_signer_spec;
using muster::testing::standard_pki;

Result<Authority, AuthorityErrc> judge(const Identity& signer, const Identity& issuer,
                                       std::span<const Certificate> trusted = {},
                                       UnixSeconds now = kTestNow) {
  return check_authority(signer.certificate, issuer.certificate, now, trusted);
}
AuthorityErrc refusal(const Result<Authority, AuthorityErrc>& result) {
  EXPECT_FALSE(result);
  return result.error();
}

// req: OCSP-RESP-003 OCSP-CLI-005
TEST(CheckAuthority, AcceptsTheCaAndItsDelegate) {
  const auto& pki = standard_pki();
  EXPECT_EQ(*judge(pki.intermediate, pki.intermediate), Authority::kIssuer);
  EXPECT_EQ(*judge(pki.ocsp_signer, pki.intermediate), Authority::kDelegate);
}

// req: OCSP-CLI-005 OCSP-RESP-017
TEST(CheckAuthority, DemandsOcspSigningItself) {
  const auto& pki = standard_pki();
  CertificateSpec spec = ocsp_signer_spec();
  spec.extended_key_usage = {};
  EXPECT_EQ(refusal(judge(issue(pki.intermediate, spec), pki.intermediate)),
            AuthorityErrc::kMissingOcspSigning);
  spec.extended_key_usage = {to_buffer(oid::kAnyExtendedKeyUsage)};
  EXPECT_EQ(refusal(judge(issue(pki.intermediate, spec), pki.intermediate)),
            AuthorityErrc::kMissingOcspSigning);
  spec.extended_key_usage = {to_buffer(oid::kKpServerAuth)};
  EXPECT_EQ(refusal(judge(issue(pki.intermediate, spec), pki.intermediate)),
            AuthorityErrc::kMissingOcspSigning);
  EXPECT_EQ(refusal(judge(pki.leaf, pki.intermediate)), AuthorityErrc::kMissingOcspSigning);
}

// req: OCSP-CLI-006 OCSP-RESP-003
TEST(CheckAuthority, BindsTheDelegateToTheIssuersKey) {
  const auto& pki = standard_pki();
  // A re-keyed CA of the same name, a CA above, a CA below and a foreign CA: none may delegate for
  // this one.
  const Identity rekeyed = issue(pki.root, ca_spec("Test Intermediate"));
  ASSERT_TRUE(equal(rekeyed.certificate.subject(), pki.intermediate.certificate.subject()));
  const Identity below = issue(pki.intermediate, ca_spec("Sub CA"));
  const Identity foreign = make_self_signed(ca_spec("Test Intermediate"));
  for (const Identity* ca : {&rekeyed, &pki.root, &below, &foreign}) {
    EXPECT_EQ(refusal(judge(issue(*ca, ocsp_signer_spec()), pki.intermediate)),
              AuthorityErrc::kNotIssuedByIssuerKey);
    EXPECT_EQ(refusal(judge(*ca, pki.intermediate)), ca == &below
                                                         ? AuthorityErrc::kMissingOcspSigning
                                                         : AuthorityErrc::kNotIssuedByIssuerKey);
  }
}

// req: OCSP-CLI-006
TEST(CheckAuthority, FollowsTheKeyIntoARenewedCertificate) {
  const auto& pki = standard_pki();
  CertificateSpec renewed_spec = ca_spec("Test Intermediate");
  renewed_spec.use_key = muster::testing::TestKey{pki.intermediate.key, pki.intermediate.key_pem};
  const Identity renewed = issue(pki.root, renewed_spec);
  EXPECT_EQ(*judge(renewed, pki.intermediate), Authority::kIssuer);
  EXPECT_EQ(*judge(issue(renewed, ocsp_signer_spec()), pki.intermediate), Authority::kDelegate);
}

// req: OCSP-CLI-009
TEST(CheckAuthority, DemandsAnIntactSignatureOnTheDelegate) {
  CertificateSpec spec = ocsp_signer_spec();
  spec.break_signature = true;
  const auto& pki = standard_pki();
  EXPECT_EQ(refusal(judge(issue(pki.intermediate, spec), pki.intermediate)),
            AuthorityErrc::kNotIssuedByIssuerKey);
}

// req: OCSP-CLI-009
TEST(CheckAuthority, DemandsThatTheDelegateIsInForce) {
  const auto& pki = standard_pki();
  CertificateSpec spec = ocsp_signer_spec();
  spec.not_before = kTestNow - Seconds(100);
  spec.not_after = kTestNow + Seconds(100);
  const Identity signer = issue(pki.intermediate, spec);
  EXPECT_TRUE(judge(signer, pki.intermediate, {}, *spec.not_before));
  EXPECT_TRUE(judge(signer, pki.intermediate, {}, *spec.not_after));
  EXPECT_EQ(refusal(judge(signer, pki.intermediate, {}, *spec.not_before - Seconds(1))),
            AuthorityErrc::kSignerNotYetValid);
  EXPECT_EQ(refusal(judge(signer, pki.intermediate, {}, *spec.not_after + Seconds(1))),
            AuthorityErrc::kSignerExpired);
}

// req: OCSP-CLI-009
TEST(CheckAuthority, DemandsThatTheIssuerIsInForceWhenItSignsItself) {
  const auto& pki = standard_pki();
  const UnixSeconds late = pki.intermediate.certificate.not_after() + Seconds(1);
  const UnixSeconds early = pki.intermediate.certificate.not_before() - Seconds(1);
  EXPECT_EQ(refusal(judge(pki.intermediate, pki.intermediate, {}, late)),
            AuthorityErrc::kSignerExpired);
  EXPECT_EQ(refusal(judge(pki.intermediate, pki.intermediate, {}, early)),
            AuthorityErrc::kSignerNotYetValid);
}

// req: OCSP-CLI-009
TEST(CheckAuthority, DemandsDigitalSignatureWhereThereIsKeyUsage) {
  const auto& pki = standard_pki();
  CertificateSpec spec = ocsp_signer_spec();
  spec.key_usage = 1 << 2;  // keyEncipherment
  EXPECT_EQ(refusal(judge(issue(pki.intermediate, spec), pki.intermediate)),
            AuthorityErrc::kMissingDigitalSignature);
  spec.key_usage = std::nullopt;
  EXPECT_TRUE(judge(issue(pki.intermediate, spec), pki.intermediate));
}

TEST(CheckAuthority, LetsACaSignWhoseKeyUsageHasNoDigitalSignature) {
  CertificateSpec spec = ca_spec("Terse CA");
  spec.key_usage = (1 << 5) | (1 << 6);
  const Identity ca = make_self_signed(spec);
  EXPECT_EQ(*judge(ca, ca), Authority::kIssuer);
}

// req: OCSP-CLI-007 OCSP-RESP-003
TEST(CheckAuthority, AcceptsADeclaredResponderForItsIssuerOnly) {
  const auto& pki = standard_pki();
  CertificateSpec spec = ocsp_signer_spec("Declared responder");
  spec.extended_key_usage = {};  // a declaration needs no delegation
  const Identity declared = make_self_signed(spec);
  const std::vector<Certificate> trusted_for_intermediate = {declared.certificate};
  EXPECT_EQ(*judge(declared, pki.intermediate, trusted_for_intermediate),
            Authority::kLocallyTrusted);
  EXPECT_EQ(refusal(judge(declared, pki.root)),
            AuthorityErrc::kNotIssuedByIssuerKey);  // nothing declared for the root
  EXPECT_EQ(refusal(judge(declared, pki.intermediate, trusted_for_intermediate,
                          declared.certificate.not_after() + Seconds(1))),
            AuthorityErrc::kSignerExpired);
  // Declaring one does not open the door to others.
  EXPECT_FALSE(judge(make_self_signed(spec), pki.intermediate, trusted_for_intermediate));
}

// req: OCSP-CLI-031
TEST(CheckAuthority, RefusesDelegatesCertifiedByWeakMeans) {
  const auto& pki = standard_pki();
  CertificateSpec spec = ocsp_signer_spec();
  spec.sign_as = muster::testing::SignAs::kSha1;
  EXPECT_EQ(refusal(judge(issue(pki.intermediate, spec), pki.intermediate)),
            AuthorityErrc::kSignerIsWeak);
}

TEST(CheckAuthority, RefusesDelegatesWithCriticalExtensionsNobodyKnows) {
  const auto& pki = standard_pki();
  CertificateSpec spec = ocsp_signer_spec();
  spec.extensions = {{*der::oid_from_string("1.3.6.1.4.1.99999.1"), true, {5, 0}}};
  EXPECT_EQ(refusal(judge(issue(pki.intermediate, spec), pki.intermediate)),
            AuthorityErrc::kUnknownCriticalExtension);
}

}  // namespace
}  // namespace muster::pki
