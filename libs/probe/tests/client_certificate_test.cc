#include <gmock/gmock.h>

#include "muster/probe/probe.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"

namespace muster::probe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// A client's certificate, its issuer and its key, as files.
struct Files {
  testing::TempDir dir;
  const testing::TestPki& pki = testing::standard_pki();
  std::string chain = pki.leaf.write(dir, "client", {pki.intermediate.certificate});
  std::string key = dir.file("client.key");
  std::string other_key = [this] {
    pki.other_leaf.write(dir, "other");
    return dir.file("other.key");
  }();
};

void expect_complete(const pki::PkiResult<ClientCertificate>& loaded) {
  const testing::TestPki& pki = testing::standard_pki();
  ASSERT_TRUE(loaded) << loaded.error().detail;
  ASSERT_EQ(loaded->chain.size(), 2u);
  EXPECT_TRUE(equal(loaded->chain[0].der(), pki.leaf.certificate.der()));
  EXPECT_TRUE(equal(loaded->chain[1].der(), pki.intermediate.certificate.der()));
  EXPECT_TRUE(loaded->key.matches(pki.leaf.certificate));
}

TEST(ClientCertificate, ComesFromTwoFiles) {
  const Files files;
  expect_complete(load_client_certificate(files.chain, files.key));
}

TEST(ClientCertificate, ComesFromOneFileInWhateverOrder) {
  const Files files;
  const std::string both =
      files.dir.write("both.pem", testing::to_pem({files.pki.intermediate.certificate}) +
                                      files.pki.leaf.key_pem + files.pki.leaf.certificate_pem());
  expect_complete(load_client_certificate(both));
  expect_complete(load_client_certificate(both, both));
}

TEST(ClientCertificate, TheKeysOwnGoesFirst) {
  const Files files;
  const std::string reversed = files.dir.write(
      "reversed.pem",
      testing::to_pem({files.pki.intermediate.certificate, files.pki.leaf.certificate}));
  expect_complete(load_client_certificate(reversed, files.key));
}

TEST(ClientCertificate, ComesFromPkcs12) {
  const Files files;
  const std::string p12 = files.dir.file("client.p12");
  const auto made =
      testing::run_process({"openssl", "pkcs12", "-export", "-in", files.chain, "-inkey", files.key,
                            "-passout", "pass:sesame", "-out", p12});
  ASSERT_EQ(made.exit_code, 0) << made.describe();
  expect_complete(
      load_client_certificate(p12, {}, [] { return std::optional<std::string>("sesame"); }));
  const auto locked = load_client_certificate(p12);
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code, pki::PkiErrc::kWrongPassphrase);
}

TEST(ClientCertificate, OthersAreRefusedWithoutAWordOfTheKey) {
  const Files files;
  const std::string key_alone = files.key;
  struct Row {
    std::string certificate, key;
    pki::PkiErrc code;
    std::string says;
  };
  for (const Row& row : {
           Row{key_alone, "", pki::PkiErrc::kNotACertificate, "without a certificate"},
           Row{files.chain, files.other_key, pki::PkiErrc::kNotACertificate, "belongs to the"},
           Row{files.chain, "", pki::PkiErrc::kNotAKey, "client.pem"},
           Row{files.chain, files.dir.file("absent"), pki::PkiErrc::kUnreadable, "absent"},
           Row{files.dir.file("absent"), files.key, pki::PkiErrc::kUnreadable, "absent"},
       }) {
    const auto loaded = load_client_certificate(row.certificate, row.key);
    ASSERT_FALSE(loaded) << row.says;
    EXPECT_EQ(loaded.error().code, row.code) << loaded.error().detail;
    EXPECT_THAT(loaded.error().detail, HasSubstr(row.says));
    EXPECT_THAT(loaded.error().detail, Not(HasSubstr("BEGIN")));
    EXPECT_THAT(loaded.error().detail, Not(HasSubstr(files.pki.leaf.key_pem.substr(40, 40))));
  }
}

}  // namespace
}  // namespace muster::probe
