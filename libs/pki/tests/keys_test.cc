#include "muster/pki/keys.h"

#include <gtest/gtest.h>

#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"

namespace muster::pki {
namespace {

using muster::testing::cached_key;
using muster::testing::encrypted_pem;
using muster::testing::KeyKind;
using muster::testing::run_process;
using muster::testing::standard_pki;
using muster::testing::TempDir;

using Passphrase = std::function<std::optional<std::string>()>;
Passphrase always(std::string text) {
  return [text = std::move(text)] { return std::optional(text); };
}

TEST(PrivateKey, MatchesItsCertificateOnly) {
  const auto& pki = standard_pki();
  EXPECT_TRUE(pki.leaf.key.matches(pki.leaf.certificate));
  EXPECT_FALSE(pki.leaf.key.matches(pki.other_leaf.certificate));
  EXPECT_FALSE(cached_key(KeyKind::kRsa2048).key.matches(pki.leaf.certificate));
  EXPECT_EQ(pki.leaf.key.public_key_info(), to_buffer(pki.leaf.certificate.public_key_info()));
}

TEST(PrivateKey, IsReadInEveryFormOpensslWrites) {
  const TempDir dir;
  for (const KeyKind kind : {KeyKind::kP256, KeyKind::kRsa2048}) {
    const auto& key = cached_key(kind);
    const std::string plain = dir.write("plain.pem", key.pem);
    const std::vector<std::vector<std::string>> forms = {
        {"openssl", "pkey", "-in", plain, "-traditional"},
        {"openssl", "pkey", "-in", plain, "-outform", "DER"},
        {"openssl", "pkey", "-in", plain, "-outform", "DER", "-traditional"},
        {"openssl", "pkcs8", "-in", plain, "-topk8", "-nocrypt", "-outform", "DER"},
    };
    for (const auto& form : forms) {
      const auto r = run_process(form);
      ASSERT_EQ(r.exit_code, 0) << r.describe();
      const auto parsed = PrivateKey::parse(as_bytes(r.out));
      ASSERT_TRUE(parsed) << parsed.error().detail;
      EXPECT_EQ(parsed->public_key_info(), key.key.public_key_info());
    }
  }
}

TEST(PrivateKey, IsFoundBehindParametersAndCertificates) {
  const TempDir dir;
  const auto r = run_process(
      {"openssl", "ecparam", "-name", "prime256v1", "-genkey"});  // EC PARAMETERS, then the key
  ASSERT_EQ(r.exit_code, 0) << r.describe();
  EXPECT_TRUE(PrivateKey::parse(as_bytes(r.out)));
  const auto& leaf = standard_pki().leaf;
  EXPECT_TRUE(PrivateKey::parse(as_bytes(leaf.certificate_pem() + leaf.key_pem)));
}

TEST(PrivateKey, OpensWithTheRightPassphraseOnly) {
  const TempDir dir;
  const auto& key = cached_key(KeyKind::kP256);
  const std::string pem = encrypted_pem(key.key, "sesame");
  const std::string path = dir.write("encrypted.pem", pem);
  const auto der = run_process({"openssl", "pkcs8", "-in", dir.write("plain.pem", key.pem),
                                "-topk8", "-passout", "pass:sesame", "-outform", "DER"});
  ASSERT_EQ(der.exit_code, 0) << der.describe();
  const auto traditional = run_process(
      {"openssl", "ec", "-in", dir.file("plain.pem"), "-aes256", "-passout", "pass:sesame"});
  ASSERT_EQ(traditional.exit_code, 0) << traditional.describe();
  for (const std::string& form : {pem, der.out, traditional.out}) {
    const auto opened = PrivateKey::parse(as_bytes(form), always("sesame"));
    ASSERT_TRUE(opened) << opened.error().detail;
    EXPECT_EQ(opened->public_key_info(), key.key.public_key_info());
    for (const Passphrase& wrong :
         {always("open"), always(""), always(std::string(5000, 'x')), Passphrase(),
          Passphrase([] { return std::optional<std::string>(); })}) {
      const auto refused = PrivateKey::parse(as_bytes(form), wrong);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, PkiErrc::kWrongPassphrase) << refused.error().detail;
    }
  }
  EXPECT_TRUE(PrivateKey::load(path, always("sesame")));
}

// With one wrong passphrase in 256 what is deciphered ends like a padding: the cipher is content,
// and only then there is no key. Keys that protect nothing, made for this test, with such
// passphrases, found by search.
constexpr const char* kEncryptedPkcs8 =
    R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjrvgUkwTiPzwICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEOoQLbO0fhBM59mPXft32qsEgZCE
k3F31iyahAQuKN9wfgCngqq+Cujaap6uql1PUb0ngz4UdUrMHi9c9lgLSeFlYlYf
GepTCO3+n4LTdHdk60S/8lf9x138einnW0VarQSPwELvVApbRN+Vsx+t7nkm/Kop
DTSKhXXRKw+vD9MsfsSF2tIXaZqOpF/ZwBsgiOTP7nNJBqpSenF1sHhJpnMxK74=
-----END ENCRYPTED PRIVATE KEY-----
)";
constexpr const char* kEncryptedTraditional =
    R"(-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,C16F979605737533AD35E6492C841647

Jjq8BiUU1a5xYBQSeTeQhs79VpFCvn8QTvZo0617/6vDebL934lgO8HXm19QAsJb
YZ/OkuAC6atAP80wsGs0P7FQokbwd5eurHHWEDOg82U/U6Fzm1qfGewZLb00HT9v
2KCRTUCJIGT1stpueVzhmur+Qr6CMcipK5nvrJvfU/A=
-----END EC PRIVATE KEY-----
)";

TEST(PrivateKey, AWrongPassphraseWithTheRightPaddingIsToldFromAnUnsupportedCipher) {
  const TempDir dir;
  const std::string der = dir.file("key.der");
  const auto made = run_process(
      {"openssl", "asn1parse", "-in", dir.write("k", kEncryptedPkcs8), "-noout", "-out", der});
  ASSERT_EQ(made.exit_code, 0) << made.describe();
  struct Row {
    const char* form;
    std::string octets;
    const char* wrong;
  };
  for (const Row& row : {Row{"PKCS #8", kEncryptedPkcs8, "wrong-472"},
                         Row{"PKCS #8 in DER", testing::read_text(der), "wrong-472"},
                         Row{"traditional", kEncryptedTraditional, "wrong-79"}}) {
    SCOPED_TRACE(row.form);
    EXPECT_TRUE(PrivateKey::parse(as_bytes(row.octets), always("sesame")));
    const auto refused = PrivateKey::parse(as_bytes(row.octets), always(row.wrong));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, PkiErrc::kWrongPassphrase) << refused.error().detail;
  }
}

TEST(PrivateKey, PlainOnesAskForNoPassphrase) {
  bool asked = false;
  const Passphrase ask = [&] {
    asked = true;
    return std::optional<std::string>();
  };
  EXPECT_TRUE(PrivateKey::parse(as_bytes(cached_key(KeyKind::kP256).pem), ask));
  EXPECT_FALSE(asked);
}

TEST(PrivateKey, RefusesWhatIsNone) {
  const auto& leaf = standard_pki().leaf;
  const Buffer public_key = leaf.key.public_key_info();
  const std::string certificate = leaf.certificate_pem();
  std::string damaged = leaf.key_pem;
  damaged[60] = '*';
  for (const Bytes input : {Bytes(), as_bytes("hello"), Bytes(public_key), leaf.certificate.der(),
                            as_bytes(certificate), as_bytes(damaged)}) {
    const auto parsed = PrivateKey::parse(input);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, PkiErrc::kNotAKey) << parsed.error().detail;
  }
  const auto missing = PrivateKey::load("/nonexistent/key.pem");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, PkiErrc::kUnreadable);
  EXPECT_NE(missing.error().detail.find("/nonexistent/key.pem"), std::string::npos);
}

}  // namespace
}  // namespace muster::pki
