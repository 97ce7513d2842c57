#include "muster/pki/verified_crl.h"

#include <gtest/gtest.h>

#include <set>

#include "muster/testing/crl_builder.h"
#include "muster/testing/process.h"
#include "muster/testing/temp_dir.h"

namespace muster::pki {
namespace {

using testing::build_crl;
using testing::CrlSpec;
using testing::Identity;
using testing::kTestNow;

const Identity& ca() { return testing::standard_pki().intermediate; }

std::string outcome(const CrlSpec& spec, const std::vector<Certificate>& issuers,
                    const Identity& signer = ca()) {
  const Buffer der = build_crl(signer, spec);
  const auto crl = crl::parse_crl(der);
  EXPECT_TRUE(crl);
  const auto verified = verify_crl(*crl, issuers);
  return verified ? "verified" : std::string(to_string(verified.error().code));
}

TEST(VerifyCrl, BelievesOnlyWhatAnEntitledSignerSigned) {
  const Certificate& issuer = ca().certificate;
  const Certificate& other = testing::standard_pki().root.certificate;
  EXPECT_EQ(outcome({}, {issuer}), "verified");
  EXPECT_EQ(outcome({}, {other, issuer}), "verified");
  EXPECT_EQ(outcome({}, {}), "signer-not-found");
  EXPECT_EQ(outcome({}, {other}), "signer-not-found");
  EXPECT_EQ(outcome({.break_signature = true}, {issuer}), "bad-signature");
  EXPECT_EQ(outcome({.issuer_name = testing::make_name("Another CA")}, {issuer}),
            "signer-not-found");
  EXPECT_EQ(outcome({.sign_as = testing::SignAs::kEcdsaSha256WithNull}, {issuer}),
            "unsupported-signature");
  EXPECT_EQ(outcome({.sign_as = testing::SignAs::kSha1}, {issuer}), "weak-signature");
}

// req: OCSP-CRL-033
TEST(VerifyCrl, NeedsCrlSignInAKeyUsage) {
  testing::CertificateSpec spec = testing::ca_spec("Certifies only");
  spec.key_usage = static_cast<std::uint16_t>(KeyUsageBit::kKeyCertSign);
  const Identity issuer = testing::make_self_signed(spec);
  EXPECT_EQ(outcome({}, {issuer.certificate}, issuer), "signer-not-entitled");
}

TEST(VerifyCrl, FindsTheKeyWhateverTheIdentifierSays) {
  testing::CertificateSpec spec = testing::ca_spec("unused");
  spec.subject = to_buffer(ca().certificate.subject());
  const Identity second = testing::make_self_signed(spec);
  const Buffer der = build_crl(ca(), {.sign_with = second.key});  // key identifier of the first key
  const auto crl = crl::parse_crl(der);
  ASSERT_TRUE(crl);
  const std::array issuers = {ca().certificate, second.certificate};
  const auto verified = verify_crl(*crl, issuers);
  ASSERT_TRUE(verified) << verified.error().detail;
  EXPECT_EQ(verified->signer(), second.certificate);
  EXPECT_EQ(verified->crl().tbs_raw.data(), crl->tbs_raw.data());
}

// req: OCSP-CRL-007, OCSP-CRL-008
TEST(VerifyCrl, RefusesWhatMayNotBeUsed) {
  const der::Extension unknown{{0x2a, 3, 4}, true, {5, 0}};
  crl::Entry entry = testing::revoked_entry(testing::make_serial(1));
  EXPECT_EQ(outcome({.extensions = {unknown}}, {ca().certificate}), "critical-extension");
  entry.extensions.push_back(unknown);
  EXPECT_EQ(outcome({.entries = {entry}}, {ca().certificate}), "critical-extension");
  crl::Entry removed =
      testing::revoked_entry(testing::make_serial(1), kTestNow, ReasonCode::kRemoveFromCrl);
  EXPECT_EQ(outcome({.entries = {removed}}, {ca().certificate}), "defective");
}

TEST(CrlErrc, NamesAreDistinct) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(CrlErrc::kTooComplex); ++code) {
    names.insert(to_string(static_cast<CrlErrc>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(CrlErrc::kTooComplex) + 1);
}

TEST(EncodedCrl, IsReadAndVerifiedByOpenssl) {
  if (!testing::find_program("openssl")) {
    GTEST_SKIP() << "no openssl program";
  }
  const testing::TempDir dir;
  const std::string ca_path = ca().write(dir, "ca");
  const Buffer der =
      build_crl(ca(), {.entries = {testing::revoked_entry(testing::make_serial(0x1f2e3d), kTestNow,
                                                          ReasonCode::kKeyCompromise)},
                       .number = 77});
  const std::string crl_path = dir.write("crl.der", Bytes(der));
  const auto result =
      testing::run_process({"openssl", "crl", "-inform", "DER", "-in", crl_path, "-CAfile", ca_path,
                            "-noout", "-text", "-nameopt", "utf8"});
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_NE(result.err.find("verify OK"), std::string::npos) << result.describe();
  EXPECT_NE(result.out.find("Serial Number: 1F2E3D"), std::string::npos) << result.describe();
  EXPECT_NE(result.out.find("Key Compromise"), std::string::npos) << result.describe();
}

}  // namespace
}  // namespace muster::pki
