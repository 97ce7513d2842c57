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
    files.signers.emplace_back();
    signer().certificate = pki.ocsp_signer.write(dir, "ocsp");
    signer().key = dir.file("ocsp.key");
    files.index = dir.write("index.txt", "");
  }
  [[nodiscard]] LoadError fails() {
    auto loaded = load_issuer(files, warnings);
    EXPECT_FALSE(loaded);
    return loaded ? LoadError{} : loaded.error();
  }
  SignerFiles& signer() { return files.signers.front(); }
  testing::TempDir dir;
  IssuerFiles files;
  std::vector<std::string> warnings;
};

TEST(LoadIssuer, ReadsWhatTheOneLinerNames) {
  Files f;
  const auto loaded = load_issuer(f.files, f.warnings);
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->signers[0].certificate, standard_pki().ocsp_signer.certificate);
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
  g.signer().key.clear();
  EXPECT_THAT(g.fails().detail, HasSubstr("--key"));
}

TEST(LoadIssuer, MakesTheOperatorDecideAboutUnlistedSerials) {
  Files f;
  f.files.index.clear();
  f.files.crls.sources = {f.dir.write("ca.crl", "")};
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
  f.files.crls.sources = {"ca.crl"};
  EXPECT_THAT(f.fails().detail, HasSubstr("one source"));
}

// req: OCSP-CRL-055
TEST(LoadIssuer, TakesAListOfIssuedSerialsInPlaceOfADecision) {
  Files f;
  f.files.index.clear();
  f.files.crls.issued = {"issued.txt"};
  EXPECT_THAT(f.fails().detail, HasSubstr("beside CRLs"));
  f.files.crls.sources = {"ca.crl"};
  EXPECT_TRUE(load_issuer(f.files, f.warnings))
      << "unlisted need not be decided: it is known what was issued";
  f.files.policy.unlisted = UnlistedAnswer::kGood;
  EXPECT_THAT(f.fails().detail, HasSubstr("unissued says"));
}

TEST(LoadIssuer, NamesTheFileThatCannotBeRead) {
  using Member = std::string& (*)(Files&);
  for (const Member member :
       {Member([](Files& f) -> std::string& { return f.files.ca; }),
        Member([](Files& f) -> std::string& { return f.signer().certificate; }),
        Member([](Files& f) -> std::string& { return f.signer().key; })}) {
    Files f;
    member(f) = f.dir.file("absent.pem");
    const LoadError error = f.fails();
    EXPECT_EQ(error.code, LoadErrc::kInput);
    EXPECT_THAT(error.detail, HasSubstr("absent.pem"));
    member(f) = f.dir.write("junk.pem", "not a certificate");
    EXPECT_EQ(f.fails().code, LoadErrc::kInput);
    EXPECT_THAT(f.fails().detail, HasSubstr("junk.pem"));
  }
}

TEST(LoadIssuer, TakesTheSignerThatFitsTheKey) {
  Files f;
  f.signer().certificate = f.dir.write(
      "bundle.pem",
      testing::to_pem({standard_pki().leaf.certificate, standard_pki().ocsp_signer.certificate}));
  const auto loaded = load_issuer(f.files, f.warnings);
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->signers[0].certificate, standard_pki().ocsp_signer.certificate);
}

TEST(LoadIssuer, LetsTheCaSignByItselfWithItsOwnKeyOnly) {
  Files f;
  f.signer().certificate.clear();
  EXPECT_THAT(f.fails().detail, HasSubstr("--signer"));
  f.signer().key = f.dir.file("ca.key");
  const auto loaded = load_issuer(f.files, f.warnings);
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->signers[0].certificate, standard_pki().intermediate.certificate);
}

TEST(LoadIssuer, ReadsSeveralSignersInTheirOrder) {
  Files f;
  const Identity second =
      testing::issue(standard_pki().intermediate, testing::ocsp_signer_spec("second"));
  SignerFiles files;
  files.label = "spare";
  files.certificate = second.write(f.dir, "second");
  files.key = f.dir.file("second.key");
  files.role = SignerRole::kStandby;
  f.files.signers.push_back(files);
  const auto loaded = load_issuer(f.files, f.warnings);
  ASSERT_TRUE(loaded) << loaded.error().detail;
  ASSERT_EQ(loaded->signers.size(), 2U);
  EXPECT_EQ(loaded->signers[1].certificate, second.certificate);
  const std::string text = describe(setup_of({*loaded})->issuers()[0], f.files);
  EXPECT_THAT(text, HasSubstr("or standby delegate spare"));
  f.files.signers[1].key.clear();
  EXPECT_EQ(f.fails().code, LoadErrc::kUsage);
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
  f.signer().key = f.dir.write("encrypted.key",
                               testing::encrypted_pem(standard_pki().ocsp_signer.key, "secret"));
  EXPECT_THAT(f.fails().detail, HasSubstr("--key-pass"));
  f.signer().passphrase = [] { return std::optional<std::string>("wrong"); };
  EXPECT_EQ(f.fails().code, LoadErrc::kInput);
  f.signer().passphrase = [] { return std::optional<std::string>("secret"); };
  EXPECT_TRUE(load_issuer(f.files, f.warnings));
}

}  // namespace
}  // namespace muster::responder
