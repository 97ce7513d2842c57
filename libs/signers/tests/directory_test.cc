#include "muster/signers/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "muster/testing/fault_token.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"
#include "muster/testing/softhsm.h"

namespace muster::signers {
namespace {

using muster::testing::encrypted_pem;
using muster::testing::fault_token;
using muster::testing::issue;
using muster::testing::ocsp_signer_spec;
using muster::testing::run_process;
using muster::testing::standard_pki;
using muster::testing::TempDir;
using ::testing::HasSubstr;

class DirectoryTest : public ::testing::Test {
 protected:
  std::vector<Found> read() {
    auto found = directory_.read();
    EXPECT_TRUE(found) << found.error();
    return found ? *found : std::vector<Found>();
  }
  Result<Delegate, DelegateError> load_only() {
    const auto found = read();
    EXPECT_EQ(found.size(), 1u);
    return found.empty() ? Result<Delegate, DelegateError>(Err{DelegateError{}})
                         : found.front().load();
  }
  void expect_loads(const muster::testing::Identity& identity) {
    const auto delegate = load_only();
    ASSERT_TRUE(delegate) << delegate.error().detail;
    EXPECT_EQ(delegate->certificate, identity.certificate);
    EXPECT_TRUE(delegate->key.matches(identity.certificate));
  }
  std::string pin_ = "sesame";
  TempDir dir_;
  DelegateDirectory directory_{{dir_.path(), [this] { return std::optional(pin_); }, {}, 3}};
  const muster::testing::Identity& signer_ = standard_pki().ocsp_signer;
};

TEST_F(DirectoryTest, TakesACertificateWithItsKeyBesideIt) {
  dir_.write("ocsp.crt", signer_.certificate_pem() + standard_pki().intermediate.certificate_pem());
  dir_.write("ocsp.key", encrypted_pem(signer_.key, "sesame"));
  dir_.write("README", "nothing");
  dir_.write(".ocsp2.crt", "being written");
  expect_loads(signer_);
}

TEST_F(DirectoryTest, TakesACertificateAndKeyInOneFile) {
  dir_.write("ocsp.pem", signer_.certificate_pem() + signer_.key_pem);
  expect_loads(signer_);
}

TEST_F(DirectoryTest, ACertificateAloneIsIncompleteAndAnythingElseIsNot) {
  dir_.write("ocsp.pem", signer_.certificate_pem());
  const auto alone = load_only();
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().refusal, Refusal::kIncomplete);
  EXPECT_THAT(alone.error().detail, HasSubstr("ocsp.key"));
  dir_.write("ocsp.pem", "half a certif");
  const auto half = load_only();
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().refusal, Refusal::kForGood);
  dir_.write("ocsp.pem", signer_.certificate_pem());
  dir_.write("ocsp.key", signer_.key_pem);
  expect_loads(signer_);
}

TEST_F(DirectoryTest, TakesPkcs12) {
  const TempDir made;
  const std::string certificate = signer_.write(made, "s");
  const auto r =
      run_process({"openssl", "pkcs12", "-export", "-in", certificate, "-inkey", made.file("s.key"),
                   "-passout", "pass:sesame", "-out", dir_.file("ocsp.p12")});
  ASSERT_EQ(r.exit_code, 0) << r.describe();
  expect_loads(signer_);
}

// The module is one that p11-kit is configured with: SoftHSM's package does that.
TEST_F(DirectoryTest, TakesACertificateWithTheUriOfItsKey) {
  const auto hsm = muster::testing::SoftHsm::make("delegates");
  if (hsm == nullptr) {
    GTEST_SKIP() << "SoftHSM2 is not installed (package softhsm2)";
  }
  dir_.write("ocsp.pem", signer_.certificate_pem());
  dir_.write("ocsp.uri", "pkcs11:token=delegates;object=k\n");
  const auto expect_refused_for_now = [&](const char* says) {
    const auto refused = load_only();
    ASSERT_FALSE(refused) << says;
    EXPECT_EQ(refused.error().refusal, Refusal::kForNow) << refused.error().detail;
    EXPECT_THAT(refused.error().detail, HasSubstr(says));
  };
  expect_refused_for_now("CKR_PIN_INCORRECT");
  pin_ = "1234";
  expect_refused_for_now("no private key");
  hsm->import(signer_.key_pem, "k", "01");
  expect_loads(signer_);
}

TEST_F(DirectoryTest, ATokenThatIsAwayMayComeBack) {
  dir_.write("ocsp.pem", signer_.certificate_pem());
  dir_.write("ocsp.uri", "pkcs11:token=nowhere%20here;object=k\n");
  const auto away = load_only();
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().refusal, Refusal::kForNow) << away.error().detail;
}

// Whoever can write there could otherwise run code in the responder, or have any file's first line
// tried as PIN until the token locks.
TEST_F(DirectoryTest, AUriThereChoosesNeitherModuleNorPinFile) {
  auto& token = fault_token(MUSTER_FAULT_TOKEN);
  token.reset();
  token.set_pin("sesame");
  token.add_key("k", 1, signer_.key_pem);
  const TempDir elsewhere;
  const std::string pin = elsewhere.write("pin", "sesame\n");
  dir_.write("ocsp.pem", signer_.certificate_pem());
  const std::pair<std::string, const char*> queries[] = {
      {"module-path=" MUSTER_FAULT_TOKEN, "module-path"},
      {"module-name=fault", "module-name"},
      {"pin-source=file:" + pin, "pin-source"},
      {"pin-source=" + pin, "pin-source"}};
  for (const auto& [query, says] : queries) {
    const std::string uri = dir_.write("ocsp.uri", "pkcs11:token=fault;object=k?" + query + "\n");
    const auto refused = load_only();
    ASSERT_FALSE(refused) << query;
    EXPECT_EQ(refused.error().refusal, Refusal::kForGood) << query;
    EXPECT_THAT(refused.error().detail, HasSubstr(says)) << query;
    EXPECT_THAT(refused.error().detail, HasSubstr(uri)) << "which file";
  }
  EXPECT_EQ(token.counts().initialised, 0u) << "no module was even started";
  EXPECT_EQ(token.counts().logins, 0u);
}

TEST_F(DirectoryTest, SaysWhatIsWrong) {
  dir_.write("ocsp.pem", signer_.certificate_pem());
  auto one = load_only();
  ASSERT_FALSE(one) << "no key yet";
  EXPECT_EQ(one.error().refusal, Refusal::kIncomplete);
  EXPECT_THAT(one.error().detail, HasSubstr("ocsp.pem"));
  dir_.write("ocsp.key", standard_pki().leaf.key_pem);
  one = load_only();
  ASSERT_FALSE(one);
  EXPECT_THAT(one.error().detail, HasSubstr("belongs to none of the certificates"));
  dir_.write("ocsp.key", encrypted_pem(signer_.key, "other"));
  one = load_only();
  ASSERT_FALSE(one);
  EXPECT_THAT(one.error().detail, HasSubstr("passphrase"));
  dir_.write("ocsp.uri", "http://nowhere/\n");
  one = load_only();
  ASSERT_FALSE(one);
  EXPECT_THAT(one.error().detail, HasSubstr("pkcs11:"));
}

TEST_F(DirectoryTest, FingerprintsFollowEveryPart) {
  const std::string certificate = dir_.write("ocsp.pem", signer_.certificate_pem());
  const auto alone = read().front().fingerprint;
  EXPECT_EQ(read().front().fingerprint, alone);
  dir_.write("ocsp.key", signer_.key_pem);
  const auto with_key = read().front().fingerprint;
  EXPECT_NE(with_key, alone);
  dir_.write("ocsp.key", standard_pki().leaf.key_pem);
  EXPECT_NE(read().front().fingerprint, with_key);
  dir_.write("ocsp.key", signer_.key_pem);
  EXPECT_EQ(read().front().fingerprint, with_key) << "by contents, not by time";
}

// Whatever renews may give each delegate another name, for years.
TEST_F(DirectoryTest, FilesThatAreGoneAreForgotten) {
  for (int i = 0; i < 5; ++i) {
    const std::string file =
        dir_.write("ocsp-" + std::to_string(i) + ".pem", signer_.certificate_pem());
    EXPECT_EQ(read().size(), 1u);
    EXPECT_EQ(directory_.remembered_for_test(), 1u);
    std::filesystem::remove(file);
  }
  EXPECT_TRUE(read().empty());
  EXPECT_EQ(directory_.remembered_for_test(), 0u);
}

TEST_F(DirectoryTest, BoundsAndUnreadableDirectoriesAreErrors) {
  for (int i = 0; i < 4; ++i) {
    dir_.write("d" + std::to_string(i) + ".pem", signer_.certificate_pem());
  }
  const auto many = directory_.read();
  ASSERT_FALSE(many);
  EXPECT_THAT(many.error(), HasSubstr("more than 3"));
  DelegateDirectory missing({"/nonexistent/delegates", {}, {}, 3});
  const auto none = missing.read();
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error(), HasSubstr("/nonexistent/delegates"));
}

// The directory stays as it is: what was wrong is the passphrase in the configuration.
TEST_F(DirectoryTest, ACorrectedPassphraseIsTriedByItself) {
  dir_.write("ocsp.pem", signer_.certificate_pem());
  dir_.write("ocsp.key", encrypted_pem(signer_.key, "other"));
  const DelegateBook::Judge accept = [](const Delegate&, UnixSeconds) {
    return Result<Unit, DelegateError>(Unit{});
  };
  DelegateBook book;
  book.update(read(), accept, muster::testing::kTestNow);
  ASSERT_TRUE(book.signers().empty());
  const auto again = book.next_change(muster::testing::kTestNow);
  ASSERT_TRUE(again) << "it is tried again";
  pin_ = "other";
  book.update(read(), accept, *again);
  ASSERT_EQ(book.signers().size(), 1u);
  EXPECT_EQ(book.signers().front().certificate, signer_.certificate);
}

// A certificate replaced before its key: in between nothing fits, and the old pair signs on.
TEST_F(DirectoryTest, ARenewalInTwoStepsHasNoGap) {
  dir_.write("ocsp.pem", signer_.certificate_pem());
  dir_.write("ocsp.key", signer_.key_pem);
  const DelegateBook::Judge accept = [](const Delegate&, UnixSeconds) {
    return Result<Unit, DelegateError>(Unit{});
  };
  DelegateBook book;
  book.update(read(), accept, muster::testing::kTestNow);
  ASSERT_EQ(book.signers().size(), 1u);
  const auto renewed = issue(standard_pki().intermediate, ocsp_signer_spec());
  dir_.write("ocsp.pem", renewed.certificate_pem());
  const auto between = book.update(read(), accept, muster::testing::kTestNow);
  ASSERT_EQ(between.size(), 1u);
  EXPECT_EQ(between.front().event, DelegateEvent::kRefused);
  EXPECT_EQ(book.signers().front().certificate, signer_.certificate);
  dir_.write("ocsp.key", renewed.key_pem);
  book.update(read(), accept, muster::testing::kTestNow);
  ASSERT_EQ(book.signers().size(), 1u);
  EXPECT_EQ(book.signers().front().certificate, renewed.certificate);
  EXPECT_TRUE(book.signers().front().key.matches(renewed.certificate));
}

}  // namespace
}  // namespace muster::signers
