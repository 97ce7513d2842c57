#include "muster/responder/issuer_files.h"

#include <gmock/gmock.h>

#include "fixture.h"

namespace muster::responder {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

struct Files {
  Files() {
    const auto& pki = standard_pki();
    files.ca = pki.intermediate.write(dir, "ca");
    files.signer = pki.ocsp_signer.write(dir, "ocsp");
    files.key = dir.file("ocsp.key");
    files.index = dir.write("index.txt", "");
  }
  [[nodiscard]] LoadError fails() {
    auto loaded = load_issuer(files, warnings);
    EXPECT_FALSE(loaded);
    return loaded ? LoadError{} : loaded.error();
  }
  testing::TempDir dir;
  IssuerFiles files;
  std::vector<std::string> warnings;
};

TEST(LoadIssuer, ReadsWhatTheOneLinerNames) {
  Files f;
  const auto loaded = load_issuer(f.files, f.warnings);
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->signer, standard_pki().ocsp_signer.certificate);
  EXPECT_EQ(loaded->origin, DataOrigin::kWatchedSource);
  EXPECT_THAT(loaded->label, HasSubstr("CN="));
  const auto setup = setup_of({*loaded});
  EXPECT_THAT(describe(setup->issuers()[0], f.files), HasSubstr("serials never issued: unknown"));
}

TEST(LoadIssuer, NeedsCaAndKey) {
  Files f;
  f.files.ca.clear();
  EXPECT_EQ(f.fails().code, LoadErrc::kUsage);
  Files g;
  g.files.key.clear();
  EXPECT_THAT(g.fails().detail, HasSubstr("--key"));
}

TEST(LoadIssuer, MakesTheOperatorDecideAboutUnlistedSerials) {
  Files f;
  f.files.index.clear();
  f.files.crl = f.dir.write("ca.crl", "");
  const LoadError error = f.fails();
  EXPECT_EQ(error.code, LoadErrc::kUsage);
  for (const char* word : {"unlisted", "good", "unknown", "unauthorized", "ever issued"}) {
    EXPECT_THAT(error.detail, HasSubstr(word));
  }
  f.files.policy.unlisted = UnlistedAnswer::kUnknown;
  EXPECT_TRUE(load_issuer(f.files, f.warnings));
}

TEST(LoadIssuer, RefusesContradictingSources) {
  Files f;
  f.files.policy.unlisted = UnlistedAnswer::kGood;
  EXPECT_THAT(f.fails().detail, HasSubstr("unissued"));
  f.files.crl = "ca.crl";
  EXPECT_THAT(f.fails().detail, HasSubstr("one source"));
}

TEST(LoadIssuer, NamesTheFileThatCannotBeRead) {
  for (std::string IssuerFiles::*member : {&IssuerFiles::ca, &IssuerFiles::signer, &IssuerFiles::key}) {
    Files f;
    f.files.*member = f.dir.file("absent.pem");
    const LoadError error = f.fails();
    EXPECT_EQ(error.code, LoadErrc::kInput);
    EXPECT_THAT(error.detail, HasSubstr("absent.pem"));
    f.files.*member = f.dir.write("junk.pem", "not a certificate");
    EXPECT_EQ(f.fails().code, LoadErrc::kInput);
    EXPECT_THAT(f.fails().detail, HasSubstr("junk.pem"));
  }
}

TEST(LoadIssuer, TakesTheSignerThatFitsTheKey) {
  Files f;
  f.files.signer = f.dir.write("bundle.pem", testing::to_pem({standard_pki().leaf.certificate, standard_pki().ocsp_signer.certificate}));
  const auto loaded = load_issuer(f.files, f.warnings);
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->signer, standard_pki().ocsp_signer.certificate);
}

TEST(LoadIssuer, LetsTheCaSignByItselfWithItsOwnKeyOnly) {
  Files f;
  f.files.signer.clear();
  EXPECT_THAT(f.fails().detail, HasSubstr("--signer"));
  f.files.key = f.dir.file("ca.key");
  const auto loaded = load_issuer(f.files, f.warnings);
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->signer, standard_pki().intermediate.certificate);
}

TEST(LoadIssuer, WarnsOfOtherCasInTheFile) {
  Files f;
  f.files.ca = standard_pki().intermediate.write(f.dir, "chain", {standard_pki().root.certificate});
  const auto loaded = load_issuer(f.files, f.warnings);
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->certificates.size(), 1U);
  EXPECT_THAT(f.warnings, Contains(HasSubstr("other CAs")));
}

TEST(LoadIssuer, AsksForThePassphraseOfAnEncryptedKey) {
  Files f;
  f.files.key = f.dir.write("encrypted.key", testing::encrypted_pem(standard_pki().ocsp_signer.key, "secret"));
  EXPECT_THAT(f.fails().detail, HasSubstr("--key-pass"));
  f.files.passphrase = [] { return std::optional<std::string>("wrong"); };
  EXPECT_EQ(f.fails().code, LoadErrc::kInput);
  f.files.passphrase = [] { return std::optional<std::string>("secret"); };
  EXPECT_TRUE(load_issuer(f.files, f.warnings));
}

}  // namespace
}  // namespace muster::responder
