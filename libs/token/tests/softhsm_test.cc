#include "muster/testing/softhsm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/der/der.h"
#include "muster/der/pkix.h"
#include "muster/testing/pki_builder.h"
#include "muster/token/token_key.h"

namespace muster::token {
namespace {

using muster::testing::issue;
using muster::testing::KeyKind;
using muster::testing::make_key;
using muster::testing::ocsp_signer_spec;
using muster::testing::SoftHsm;
using muster::testing::standard_pki;
using pki::PkiErrc;
using pki::SignatureScheme;
using ::testing::HasSubstr;
using ::testing::Not;

/// SoftHSM2 as packaged; the tests with our own module (faults_test) need nothing installed.
class SoftHsmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    hsm_ = SoftHsm::make();
    if (hsm_ == nullptr) {
      GTEST_SKIP() << "SoftHSM2 is not installed (package softhsm2)";
    }
  }
  std::unique_ptr<SoftHsm> hsm_;
};

// req: OCSP-OPS-007
TEST_F(SoftHsmTest, SignsWithEveryKindOfKeyAndScheme) {
  const struct {
    KeyKind kind;
    SignatureScheme scheme;
  } cases[] = {
      {KeyKind::kRsa2048, SignatureScheme::kAuto},
      {KeyKind::kRsa2048, SignatureScheme::kRsaSha512},
      {KeyKind::kRsa2048, SignatureScheme::kRsaPssSha256},
      {KeyKind::kRsa2048, SignatureScheme::kRsaPssSha384},
      {KeyKind::kP256, SignatureScheme::kAuto},
      {KeyKind::kP384, SignatureScheme::kAuto},
      {KeyKind::kP521, SignatureScheme::kAuto},
  };
  int number = 10;
  for (const auto& c : cases) {
    auto spec = ocsp_signer_spec();
    spec.use_key = make_key(c.kind);
    const auto signer_identity = issue(standard_pki().intermediate, spec);
    const std::string label = "key" + std::to_string(++number);
    hsm_->import(spec.use_key->pem, label, std::to_string(number));
    const auto key = load_token_key(hsm_->uri(label));
    ASSERT_TRUE(key) << key.error().detail;
    EXPECT_TRUE(key->matches(signer_identity.certificate));
    EXPECT_NE(key->remote(), nullptr);
    auto signer = pki::Signer::make(*key, c.scheme);
    ASSERT_TRUE(signer) << signer.error().detail;
    Buffer signature;
    for (int i = 0; i < 5; ++i) {  // leading zeros in r and s come by chance
      const std::string message = "message " + std::to_string(i);
      const auto made = signer->sign(as_bytes(message), signature);
      ASSERT_TRUE(made) << made.error().detail;
      der::Reader in(signer->algorithm());
      const auto algorithm = der::read_algorithm(in, "algorithm");
      ASSERT_TRUE(algorithm);
      EXPECT_TRUE(pki::verify_signature(*algorithm, as_bytes(message), signature,
                                        signer_identity.certificate));
    }
  }
}

TEST_F(SoftHsmTest, AWrongPinIsTriedOnce) {
  hsm_->import(make_key(KeyKind::kP256).pem, "k", "01");
  const muster::testing::TempDir dir;
  const std::string pin = dir.write("pin", "9876\n");
  const std::string uri =
      "pkcs11:token=demo;object=k?module-path=" + hsm_->module() + "&pin-source=file:" + pin;
  const auto refused = load_token_key(uri);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, PkiErrc::kWrongPassphrase);
  EXPECT_THAT(refused.error().detail, HasSubstr("CKR_PIN_INCORRECT"));
  EXPECT_THAT(refused.error().detail, Not(HasSubstr("9876")));
  const auto again = load_token_key(uri);
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().detail, HasSubstr("not tried again"));
  dir.write("pin", "1234\n");
  EXPECT_TRUE(load_token_key(uri)) << "a corrected PIN is tried";
}

TEST_F(SoftHsmTest, SaysWhatIsNotThere) {
  hsm_->import(make_key(KeyKind::kP256).pem, "twin", "01");
  hsm_->import(make_key(KeyKind::kP256).pem, "twin", "02");
  const std::string tail =
      "?module-path=" + hsm_->module() + "&pin-source=file:" + hsm_->pin_file();
  const struct {
    std::string uri;
    PkiErrc code;
    const char* says;
  } cases[] = {
      {"pkcs11:token=demo;object=nothing" + tail, PkiErrc::kNotAKey, "no private key"},
      {"pkcs11:token=demo;object=twin" + tail, PkiErrc::kNotAKey, "several private keys"},
      {"pkcs11:token=elsewhere;object=twin" + tail, PkiErrc::kUnavailable, "there is demo"},
      {"pkcs11:token=demo;object=twin?module-path=/nonexistent.so", PkiErrc::kUnreadable,
       "/nonexistent.so"},
      {"pkcs11:token=demo;object=twin?module-name=nonexistent", PkiErrc::kUnreadable, "module"},
      {"pkcs11:token=demo;object=twin;id=%02?module-path=" + hsm_->module() +
           "&pin-source=file:/nonexistent",
       PkiErrc::kWrongPassphrase, "/nonexistent"},
      {"pkcs11:token=demo;object=twin;id=%02?module-path=" + hsm_->module(),
       PkiErrc::kWrongPassphrase, "pin-source"},
  };
  for (const auto& c : cases) {
    const auto key = load_token_key(c.uri);
    ASSERT_FALSE(key) << c.uri;
    EXPECT_EQ(key.error().code, c.code) << key.error().detail;
    EXPECT_THAT(key.error().detail, HasSubstr(c.says));
  }
  EXPECT_TRUE(load_token_key("pkcs11:token=demo;object=twin;id=%02" + tail));
  EXPECT_TRUE(load_token_key("pkcs11:token=demo;object=twin;id=%02?module-path=" + hsm_->module(),
                             {}, [] { return std::optional<std::string>("1234"); }));
}

}  // namespace
}  // namespace muster::token
