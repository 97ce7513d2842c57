#include "muster/responder/setup.h"

#include <gmock/gmock.h>

#include "fixture.h"

namespace muster::responder {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Made {
  std::optional<SetupError> error;
  std::vector<std::string> warnings;
  std::shared_ptr<const Setup> setup;
};
Made make(std::vector<IssuerSpec> specs, const Policy& policy = {}, UnixSeconds now = kTestNow) {
  Made out;
  auto made = Setup::make(std::move(specs), policy, now, out.warnings);
  if (made) {
    out.setup = *made;
  } else {
    out.error = made.error();
  }
  return out;
}
IssuerSpec delegate_of(const Identity& ca, const testing::CertificateSpec& signer_spec) {
  const Identity signer = testing::issue(ca, signer_spec);
  return delegated_spec(ca, signer);
}
const Identity& ca() { return standard_pki().intermediate; }

TEST(Setup, TakesACleanDelegateWithoutWarning) {
  const Made made = make({delegated_spec()});
  ASSERT_TRUE(made.setup) << made.error->detail;
  EXPECT_THAT(made.warnings, IsEmpty());
  EXPECT_EQ(made.setup->issuers()[0].signers[0].authority, pki::Authority::kDelegate);
}

TEST(Setup, RefusesToStartWithoutIssuers) { EXPECT_EQ(make({}).error->code, SetupErrc::kNoIssuer); }

std::uint64_t number_after(const Setup& in_force, std::vector<IssuerSpec> specs,
                           const Policy& policy = {}, UnixSeconds now = kTestNow) {
  std::vector<std::string> warnings;
  return (*Setup::make(std::move(specs), policy, now, warnings, {}, &in_force))->number();
}

// What is remembered under a number is used without a second look.
TEST(Setup, KeepsItsNumberWhenNothingAboutAnswersChanged) {
  const auto before = make({delegated_spec()}).setup;
  EXPECT_EQ(number_after(*before, {delegated_spec()}, {}, kTestNow + Seconds(5)), before->number());
  EXPECT_NE(make({delegated_spec()}).setup->number(), before->number()) << "replaces nothing";
}

TEST(Setup, HasANumberOfItsOwnWhateverChanged) {
  const auto before = make({delegated_spec()}).setup;
  const testing::CertificateSpec another = testing::ocsp_signer_spec("another");
  const std::vector<std::function<void(IssuerSpec&)>> changes = {
      [](IssuerSpec& s) { s.label = "renamed"; },
      [](IssuerSpec& s) { s.store_id = kOther; },
      [](IssuerSpec& s) { s.origin = DataOrigin::kStoreItself; },
      [](IssuerSpec& s) {
        s.crl_algorithm = {0x30, 0x00};
      },
      [](IssuerSpec& s) { s.requestor_anchors = {ca().certificate}; },
      [](IssuerSpec& s) { s.issued = std::make_shared<IssuedCertificates>(); },
      [](IssuerSpec& s) { s.policy.validity = Seconds(3600); },
      [](IssuerSpec& s) { s.policy.max_age = Seconds(60); },
      [](IssuerSpec& s) { s.policy.unlisted = UnlistedAnswer::kUnknown; },
      [](IssuerSpec& s) { s.policy.clients = {*IpNetwork::parse("127.0.0.1/32")}; },
      [](IssuerSpec& s) { s.policy.compromised_at = kTestNow; },
      [](IssuerSpec& s) {
        s.policy.nonce_by_client = {{{}, NoncePolicy::kIgnore}};
      },
      [](IssuerSpec& s) { s.signers[0].role = SignerRole::kStandby; },
      [](IssuerSpec& s) { s.signers[0].label = "renamed"; },
      [&](IssuerSpec& s) { s.signers = delegate_of(ca(), another).signers; },
      [&](IssuerSpec& s) { s.signers.push_back(delegate_of(ca(), another).signers[0]); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    IssuerSpec next = delegated_spec();
    changes[i](next);
    EXPECT_NE(number_after(*before, {next}), before->number()) << "change " << i;
  }
  EXPECT_NE(number_after(*before, {delegated_spec(), self_spec(standard_pki().root, kOther)}),
            before->number());
  Policy policy;
  policy.max_certificates = 1;
  EXPECT_NE(number_after(*before, {delegated_spec()}, policy), before->number());
}

// req: OCSP-RESP-003
TEST(Setup, RefusesSignersOfOtherCas) {
  const Identity sub = testing::issue(ca(), testing::ca_spec("CA below"));
  const Identity foreign = testing::make_self_signed(testing::ca_spec("foreign"));
  for (const Identity* other : {&sub, &foreign}) {
    const Identity signer = testing::issue(*other, testing::ocsp_signer_spec());
    IssuerSpec spec = delegated_spec(ca(), signer);
    const Made refused = make({spec});
    ASSERT_TRUE(refused.error);
    EXPECT_EQ(refused.error->code, SetupErrc::kSignerRefused);
    EXPECT_THAT(refused.error->detail, HasSubstr("test CA"));
    spec.signers[0].locally_trusted = LocallyTrusted::kYes;
    const Made declared = make({spec});
    ASSERT_TRUE(declared.setup) << declared.error->detail;
    EXPECT_EQ(declared.setup->issuers()[0].signers[0].authority, pki::Authority::kLocallyTrusted);
  }
}

// req: OCSP-RESP-017
TEST(Setup, RefusesDelegatesWithoutOcspSigning) {
  for (const auto& usage :
       {std::vector<Buffer>{to_buffer(oid::kKpServerAuth)},
        std::vector<Buffer>{to_buffer(oid::kAnyExtendedKeyUsage)}, std::vector<Buffer>{}}) {
    testing::CertificateSpec spec = testing::ocsp_signer_spec();
    spec.extended_key_usage = usage;
    const Made made = make({delegate_of(ca(), spec)});
    ASSERT_TRUE(made.error);
    EXPECT_EQ(made.error->code, SetupErrc::kSignerRefused);
    EXPECT_THAT(made.error->detail, HasSubstr("OCSPSigning"));
  }
}

// req: OCSP-RESP-018
TEST(Setup, ARekeyedCaNeedsASignerUnderItsNewKey) {
  const Identity old_ca = testing::make_self_signed(testing::ca_spec("rekeyed"));
  const Identity new_ca = testing::make_self_signed(testing::ca_spec("rekeyed"));
  const Identity old_signer = testing::issue(old_ca, testing::ocsp_signer_spec());
  EXPECT_TRUE(make({delegated_spec(new_ca, old_signer)}).error);
  const Identity new_signer = testing::issue(new_ca, testing::ocsp_signer_spec());
  IssuerSpec second = delegated_spec(new_ca, new_signer);
  second.store_id = kOther;
  EXPECT_TRUE(make({delegated_spec(old_ca, old_signer), second}).setup);
}

TEST(Setup, RefusesAKeyOfAnotherCertificate) {
  IssuerSpec spec = delegated_spec();
  spec.signers[0].key = standard_pki().leaf.key;
  const Made made = make({spec});
  ASSERT_TRUE(made.error);
  EXPECT_EQ(made.error->code, SetupErrc::kKeyMismatch);
}

TEST(Setup, RefusesExpiredAndUnbornSigners) {
  testing::CertificateSpec expired = testing::ocsp_signer_spec();
  expired.not_after = kTestNow - Seconds(1);
  EXPECT_EQ(make({delegate_of(ca(), expired)}).error->code, SetupErrc::kExpired);
  testing::CertificateSpec unborn = testing::ocsp_signer_spec();
  unborn.not_before = kTestNow + Seconds(60);
  EXPECT_EQ(make({delegate_of(ca(), unborn)}).error->code, SetupErrc::kExpired);
}

TEST(Setup, RefusesAnExpiredCaUnlessRenewed) {
  testing::CertificateSpec old_spec = testing::ca_spec("renewed CA");
  old_spec.not_after = kTestNow - Seconds(1);
  const Identity old_ca = testing::make_self_signed(old_spec);
  testing::CertificateSpec new_spec = testing::ca_spec("renewed CA");
  new_spec.use_key = testing::TestKey{old_ca.key, old_ca.key_pem};
  const Identity new_ca = testing::make_self_signed(new_spec);
  IssuerSpec spec = delegate_of(old_ca, testing::ocsp_signer_spec());
  EXPECT_EQ(make({spec}).error->code, SetupErrc::kExpired);
  spec.certificates.push_back(new_ca.certificate);
  const Made made = make({spec});
  ASSERT_TRUE(made.setup) << made.error->detail;
  EXPECT_EQ(same_issuer({old_ca.certificate, new_ca.certificate, ca().certificate}).size(), 2U);
}

// req: OCSP-RESP-030
TEST(Setup, RefusesWeakKeys) {
  testing::CertificateSpec spec = testing::ocsp_signer_spec();
  spec.key = testing::KeyKind::kRsa1024;
  const Made made = make({delegate_of(ca(), spec)});
  ASSERT_TRUE(made.error);
  EXPECT_TRUE(made.error->code == SetupErrc::kSignerRefused ||
              made.error->code == SetupErrc::kWeakOrUnsupported);
}

// req: OCSP-RESP-040
TEST(Setup, WarnsOfDelegatesThatTroubleClients) {
  testing::CertificateSpec spec = testing::ocsp_signer_spec();
  spec.no_check = false;
  spec.ocsp_uris = {"http://ocsp.example/"};
  spec.not_after = kTestNow + std::chrono::hours(72);
  const Made made = make({delegate_of(ca(), spec)});
  ASSERT_TRUE(made.setup) << made.error->detail;
  EXPECT_THAT(made.warnings, Contains(HasSubstr("nocheck")));
  EXPECT_THAT(made.warnings, Contains(HasSubstr("OCSP address")));
  EXPECT_THAT(made.warnings, Contains(HasSubstr("ends 2026-11-27T10:00:00Z")));
}

// req: OCSP-RESP-070
TEST(Setup, WebProfileWantsDigitalSignatureOnACaThatSigns) {
  testing::CertificateSpec spec = testing::ca_spec("no digitalSignature");
  spec.key_usage = static_cast<std::uint16_t>(pki::KeyUsageBit::kKeyCertSign);
  const Identity plain = testing::make_self_signed(spec);
  IssuerSpec issuer = self_spec(plain);
  const Made general = make({issuer});
  ASSERT_TRUE(general.setup) << general.error->detail;
  EXPECT_THAT(general.warnings, Contains(HasSubstr("digitalSignature")));
  issuer.policy = policy_of(Profile::kCabf);
  EXPECT_EQ(make({issuer}).error->code, SetupErrc::kSignerRefused);
}

// req: OCSP-RESP-069
TEST(Setup, WebProfileHoldsADelegateToTheBaselineRequirements) {
  using Change = void (*)(testing::CertificateSpec&);
  const std::pair<const char*, Change> faults[] = {
      {"must not be a CA", [](testing::CertificateSpec& s) { s.ca = true; }},
      {"only extended key usage",
       [](testing::CertificateSpec& s) {
         s.extended_key_usage.push_back(to_buffer(oid::kKpServerAuth));
       }},
      {"digitalSignature alone",
       [](testing::CertificateSpec& s) {
         s.key_usage =
             static_cast<std::uint16_t>(static_cast<unsigned>(pki::KeyUsageBit::kDigitalSignature) |
                                        static_cast<unsigned>(pki::KeyUsageBit::kCrlSign));
       }},
      {"nocheck", [](testing::CertificateSpec& s) { s.no_check = false; }},
      {"authority key identifier", [](testing::CertificateSpec& s) { s.authority_key_id = false; }},
      {"CRL distribution points",
       [](testing::CertificateSpec& s) { s.crl_uris = {"http://crl.example/ca.crl"}; }},
      {"subject alternative name",
       [](testing::CertificateSpec& s) { s.dns_names = {"ocsp.example"}; }},
      {"name constraints",
       [](testing::CertificateSpec& s) {
         s.extensions.push_back({{0x55, 0x1d, 0x1e}, false, {0x30, 0x00}});
       }},
  };
  const auto judged = [](const testing::CertificateSpec& spec) {
    IssuerSpec issuer = delegate_of(ca(), spec);
    issuer.policy = policy_of(Profile::kCabf);
    return make({issuer});
  };
  const Made clean = judged(testing::ocsp_signer_spec());
  EXPECT_TRUE(clean.setup) << clean.error->detail;
  for (const auto& [text, change] : faults) {
    testing::CertificateSpec spec = testing::ocsp_signer_spec();
    change(spec);
    const Made made = judged(spec);
    ASSERT_TRUE(made.error) << text;
    EXPECT_EQ(made.error->code, SetupErrc::kSignerRefused) << text;
    EXPECT_THAT(made.error->detail, HasSubstr(text));
  }
}

TEST(Setup, RefusesOneIssuerTwice) {
  EXPECT_EQ(make({delegated_spec(), delegated_spec()}).error->code, SetupErrc::kDuplicateIssuer);
}

TEST(Setup, RefusesContradictingPolicy) {
  IssuerSpec spec = delegated_spec();
  spec.policy.validity = Seconds(1);
  EXPECT_EQ(make({spec}).error->code, SetupErrc::kBadPolicy);
}

// req: OCSP-RESP-036
TEST(Setup, Sha1CanBeLeftOut) {
  Policy policy;
  policy.sha1 = Sha1CertIds::kRefused;
  const auto id =
      pki::make_cert_id(HashAlgorithm::kSha1, ca().certificate, testing::make_serial(1));
  const auto setup = setup_of({delegated_spec()}, policy);
  EXPECT_FALSE(setup->index().find(HashAlgorithm::kSha1, id.view().issuer_name_hash,
                                   id.view().issuer_key_hash));
}

}  // namespace
}  // namespace muster::responder
