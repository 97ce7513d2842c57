#include "muster/pki/key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"

namespace muster::pki {
namespace {

using muster::testing::encrypted_pem;
using muster::testing::run_process;
using muster::testing::standard_pki;
using muster::testing::TempDir;
using ::testing::HasSubstr;

AskPassphrase always(std::string text) {
  return [text = std::move(text)] { return std::optional(text); };
}

/// PKCS#12 made by the openssl program; `extra` arguments choose algorithms.
Buffer pkcs12(const std::vector<std::string>& extra, const std::string& passphrase = "sesame") {
  const TempDir dir;
  const auto& pki = standard_pki();
  const std::string certificate = pki.ocsp_signer.write(dir, "signer");
  const std::string chain = pki.intermediate.write(dir, "ca");
  std::vector<std::string> command = {"openssl",
                                      "pkcs12",
                                      "-export",
                                      "-in",
                                      certificate,
                                      "-inkey",
                                      dir.file("signer.key"),
                                      "-certfile",
                                      chain,
                                      "-passout",
                                      "pass:" + passphrase,
                                      "-out",
                                      dir.file("signer.p12")};
  command.insert(command.end(), extra.begin(), extra.end());
  const auto r = run_process(command);
  EXPECT_EQ(r.exit_code, 0) << r.describe();
  auto content = read_file(dir.file("signer.p12"), 1 << 20);
  EXPECT_TRUE(content);
  return content ? *content : Buffer();
}

TEST(Pkcs12, GivesKeyAndCertificatesWithTheKeysOwnFirst) {
  const auto file = parse_key_file(pkcs12({}), always("sesame"));
  ASSERT_TRUE(file) << file.error().detail;
  const auto& pki = standard_pki();
  ASSERT_EQ(file->certificates.size(), 2u);
  EXPECT_EQ(file->certificates[0], pki.ocsp_signer.certificate);
  EXPECT_EQ(file->certificates[1], pki.intermediate.certificate);
  EXPECT_TRUE(file->key.matches(pki.ocsp_signer.certificate));
}

TEST(Pkcs12, AsksForNoPassphraseWhereThereIsNone) {
  bool asked = false;
  const AskPassphrase ask = [&] {
    asked = true;
    return std::optional<std::string>();
  };
  EXPECT_TRUE(parse_key_file(pkcs12({}, ""), ask));
  EXPECT_TRUE(parse_key_file(pkcs12({"-nomac", "-keypbe", "NONE", "-certpbe", "NONE"}, ""), ask));
  EXPECT_FALSE(asked);
}

TEST(Pkcs12, SaysWhatIsWrongWithThePassphrase) {
  const Buffer der = pkcs12({});
  const auto none = parse_key_file(der);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, PkiErrc::kWrongPassphrase);
  EXPECT_THAT(none.error().detail, HasSubstr("no passphrase was given"));
  for (const std::string& wrong : {std::string("open"), std::string(), std::string(5000, 'x')}) {
    const auto refused = parse_key_file(der, always(wrong));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, PkiErrc::kWrongPassphrase);
    EXPECT_THAT(refused.error().detail, HasSubstr("does not open"));
  }
}

TEST(Pkcs12, OldEncryptionIsRefusedWithTheWayOut) {
  const auto old = parse_key_file(
      pkcs12({"-legacy", "-keypbe", "PBE-SHA1-RC2-40", "-certpbe", "PBE-SHA1-RC2-40"}),
      always("sesame"));
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code, PkiErrc::kUnsupportedAlgorithm);
  EXPECT_THAT(old.error().detail, HasSubstr("openssl pkcs12 -legacy"));
}

TEST(Pkcs12, DamagedOnesAreRefusedAtEveryLength) {
  const Buffer der = pkcs12({});
  for (std::size_t size = 0; size < der.size(); size += 7) {
    const auto cut = parse_key_file(Bytes(der).first(size), always("sesame"));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code, PkiErrc::kNotAKey) << size << ": " << cut.error().detail;
  }
}

TEST(Pkcs12, OneWithoutAKeySaysSo) {
  const auto bare = parse_key_file(pkcs12({"-nokeys"}), always("sesame"));
  ASSERT_FALSE(bare);
  EXPECT_EQ(bare.error().code, PkiErrc::kNotAKey);
  EXPECT_THAT(bare.error().detail, HasSubstr("without a private key"));
}

TEST(KeyFile, TakesTheCertificatesOfAPem) {
  const auto& pki = standard_pki();
  const TempDir dir;
  const std::string path = dir.write(
      "bundle.pem", pki.intermediate.certificate_pem() + pki.ocsp_signer.certificate_pem() +
                        encrypted_pem(pki.ocsp_signer.key, "sesame"));
  const auto file = load_key_file(path, always("sesame"));
  ASSERT_TRUE(file) << file.error().detail;
  ASSERT_EQ(file->certificates.size(), 2u);
  EXPECT_EQ(file->certificates[0], pki.ocsp_signer.certificate);
  const auto wrong = load_key_file(path, always("open"));
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().detail, HasSubstr(path));
}

// The program waits on a terminal nowhere: with standard input closed and no passphrase it comes
// back with an error.
TEST(KeyFile, OldPemEncryptionIsToldFromAWrongPassphrase) {
  const TempDir dir;
  const auto& pki = standard_pki();
  const std::string plain = dir.write("plain.pem", pki.ocsp_signer.key_pem);
  const auto made =
      run_process({"openssl", "pkcs8", "-topk8", "-in", plain, "-v1", "PBE-MD5-DES", "-provider",
                   "legacy", "-provider", "default", "-passout", "pass:sesame"});
  ASSERT_EQ(made.exit_code, 0) << made.describe();
  const auto old = parse_key_file(as_bytes(made.out), always("sesame"));
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code, PkiErrc::kUnsupportedAlgorithm) << old.error().detail;
  const auto none = parse_key_file(as_bytes(made.out));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, PkiErrc::kWrongPassphrase) << none.error().detail;
}

}  // namespace
}  // namespace muster::pki
