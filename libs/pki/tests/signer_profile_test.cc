#include "muster/pki/signer_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "muster/testing/pki_builder.h"

namespace muster::pki {
namespace {

using namespace muster::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kDigitalSignature = static_cast<std::uint16_t>(KeyUsageBit::kDigitalSignature);

Certificate delegate(const std::function<void(CertificateSpec&)>& change = {}) {
  CertificateSpec spec = ocsp_signer_spec();
  if (change) {
    change(spec);
  }
  return issue(standard_pki().intermediate, spec).certificate;
}
der::Extension extension(std::string_view oid, Buffer value) {
  return {*der::oid_from_string(oid), false, std::move(value)};
}

// req: OCSP-RESP-069
TEST(SignerProfile, ADelegateAsTheBaselineRequirementsWantItHasNoFault) {
  EXPECT_THAT(find_signer_faults(delegate(), Authority::kDelegate), IsEmpty());
}

TEST(SignerProfile, EachFaultOfADelegateIsNamed) {
  struct Row {
    SignerFault fault;
    std::function<void(CertificateSpec&)> change;
  };
  const Row rows[] = {
      {SignerFault::kOtherPurposes,
       [](CertificateSpec& s) { s.extended_key_usage.push_back(to_buffer(oid::kKpServerAuth)); }},
      {SignerFault::kKeyUsage, [](CertificateSpec& s) { s.key_usage = kDigitalSignature | 2; }},
      {SignerFault::kNoCheck, [](CertificateSpec& s) { s.no_check = false; }},
      {SignerFault::kAuthorityKeyId, [](CertificateSpec& s) { s.authority_key_id = false; }},
      {SignerFault::kCrlPoints, [](CertificateSpec& s) { s.crl_uris = {"http://a.test/c"}; }},
      {SignerFault::kNameConstraints,
       [](CertificateSpec& s) {
         s.extensions = {extension("2.5.29.30", {0x30, 0})};
       }},
      {SignerFault::kAlternativeName, [](CertificateSpec& s) { s.dns_names = {"a.test"}; }},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(find_signer_faults(delegate(row.change), Authority::kDelegate),
                ElementsAre(row.fault))
        << to_string(row.fault);
  }
  EXPECT_THAT(find_signer_faults(standard_pki().intermediate.certificate, Authority::kDelegate),
              ::testing::Contains(SignerFault::kIsCa));
}

// req: OCSP-RESP-070
TEST(SignerProfile, ACaThatSignsByItselfAssertsDigitalSignature) {
  EXPECT_THAT(find_signer_faults(standard_pki().intermediate.certificate, Authority::kIssuer),
              IsEmpty());
  CertificateSpec spec = ca_spec("CA without");
  spec.key_usage = static_cast<std::uint16_t>(KeyUsageBit::kKeyCertSign);
  EXPECT_THAT(find_signer_faults(make_self_signed(spec).certificate, Authority::kIssuer),
              ElementsAre(SignerFault::kCaWithoutDigitalSignature));
  spec.key_usage.reset();
  spec.version_1 = true;
  EXPECT_THAT(find_signer_faults(make_self_signed(spec).certificate, Authority::kIssuer),
              ElementsAre(SignerFault::kCaWithoutDigitalSignature));
}

TEST(SignerProfile, CriticalityIsToldWhereTheExtensionIsThere) {
  const Certificate signer = delegate();
  EXPECT_EQ(find_criticality(signer, oid::kCeKeyUsage), std::optional(true));
  EXPECT_EQ(find_criticality(signer, oid::kOcspNoCheck), std::optional(false));
  EXPECT_EQ(find_criticality(signer, oid::kPeTlsFeature), std::nullopt);
}

}  // namespace
}  // namespace muster::pki
