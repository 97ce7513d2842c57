#include <filesystem>

#include "site.h"

// What is said when a responder cannot start: the cause, and what to do.
namespace muster::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Start : public ::testing::Test {
 protected:
  void fails(const std::vector<std::string>& command, int exit_code,
             const ::testing::Matcher<std::string>& message) {
    const ProcessResult result = run_process(command, {.timeout = Milliseconds(20'000)});
    EXPECT_EQ(result.exit_code, exit_code) << result.describe();
    EXPECT_THAT(result.err, message);
    EXPECT_EQ(result.out, "") << "nothing may claim to listen";
  }
  /// The one-liner with a file replaced.
  [[nodiscard]] std::vector<std::string> with(const std::string& flag,
                                              const std::string& value) const {
    std::vector<std::string> command = site.one_liner();
    const auto at = std::find(command.begin(), command.end(), flag);
    *(at + 1) = value;
    return command;
  }
  Site site;
};

TEST_F(Start, WithoutIssuer) { fails({muster_binary(), "responder"}, 64, HasSubstr("--ca")); }

TEST_F(Start, WithUnknownFlag) {
  fails({muster_binary(), "responder", "--indx", "x"}, 64, HasSubstr("--indx"));
}

TEST_F(Start, WithUnreadableFiles) {
  for (const char* flag : {"--ca", "--index", "--signer", "--key"}) {
    fails(with(flag, site.file("absent")), 66, HasSubstr("absent"));
  }
  fails(with("--key", site.dir.write("junk.key", "junk")), 66, HasSubstr("junk.key"));
}

TEST_F(Start, WithAKeyOfAnotherCertificate) {
  fails(with("--key", site.file("leaf.key")), 66,
        AllOf(HasSubstr("does not belong"), HasSubstr("OCSP")));
}

TEST_F(Start, WithAnExpiredDelegate) {
  CertificateSpec spec = ocsp_signer_spec();
  spec.at = SystemClock().now();
  spec.not_after = spec.at - Seconds(3600);
  issue(site.pki.intermediate, spec).write(site.dir, "old");
  std::vector<std::string> command = with("--signer", site.file("old.pem"));
  *(std::find(command.begin(), command.end(), "--key") + 1) = site.file("old.key");
  fails(command, 66, AllOf(HasSubstr("expired"), HasSubstr("renew")));
}

// req: OCSP-RESP-003 OCSP-RESP-017
TEST_F(Start, WithASignerTheCaDidNotAuthorise) {
  std::vector<std::string> command = with("--signer", site.file("leaf.pem"));
  *(std::find(command.begin(), command.end(), "--key") + 1) = site.file("leaf.key");
  fails(command, 66, HasSubstr("OCSPSigning"));
  fails(with("--ca", site.file("root.pem")), 66, HasSubstr("per CA key"));
}

TEST_F(Start, WithAnEncryptedKeyAndNoPassphrase) {
  const std::string key =
      site.dir.write("enc.key", encrypted_pem(site.pki.ocsp_signer.key, "secret"));
  fails(with("--key", key), 66, HasSubstr("--key-pass"));
  std::vector<std::string> command = with("--key", key);
  command.insert(command.end(), {"--key-pass", "secret"});
  fails(command, 64, HasSubstr("env:NAME"));
  command.back() = "env:MUSTER_TEST_PASS";
  fails(command, 64, HasSubstr("MUSTER_TEST_PASS, which is not set"));
  Running responder(command, {.environment = {{"MUSTER_TEST_PASS", "secret"}}});
  EXPECT_EQ(openssl_says(site, responder), "good");
}

TEST_F(Start, WithACrlAndNoDecisionAboutUnlistedSerials) {
  fails({muster_binary(), "responder", "--ca", site.file("ca.pem"), "--crl", site.file("ca.crl"),
         "--signer", site.file("ocsp.pem"), "--key", site.file("ocsp.key")},
        64, AllOf(HasSubstr("unlisted"), HasSubstr("good"), HasSubstr("unauthorized")));
}

/// What is acknowledged, or numbered, must not lie in a directory that is gone at the end.
// req: OCSP-RESP-061 OCSP-CRL-011
TEST_F(Start, WithoutAStoreWhereOnlyAStoreRemembers) {
  const std::string issuer = "[[responder.issuer]]\nlabel = \"x\"\nca = \"" + site.file("ca.pem") +
                             "\"\nsigner = \"" + site.file("ocsp.pem") + "\"\nkey = \"" +
                             site.file("ocsp.key") + "\"\n";
  const std::string index = "index = \"" + site.file("index.txt") + "\"\n";
  const std::string head = "[responder]\nlisten = \"127.0.0.1:0\"\n";
  const std::string push = "[responder.push]\nlisten = \"unix:" + site.file("push.sock") +
                           "\"\n[[responder.push.client]]\nname = \"c\"\nusers = [\"root\"]\n"
                           "issuers = [\"x\"]\n";
  const std::string publish = "[[publish.crl]]\nca = [\"" + site.file("ca.pem") + "\"]\nkey = \"" +
                              site.file("ca.key") + "\"\nout = \"" + site.file("o.crl") + "\"\n";
  const auto refuses = [&](const std::string& toml, const char* what) {
    const std::string file = site.dir.write("muster.toml", toml);
    const auto says = AllOf(HasSubstr("store = \"DIR\" in [responder]"), HasSubstr(what));
    fails({muster_binary(), "responder", "-c", file}, 64, says);
    fails({muster_binary(), "config", "check", file}, 64, says);
  };
  refuses(head + push + issuer, "issuer 'x' has neither index nor crl");
  refuses(head + issuer, "issuer 'x' has neither index nor crl");
  refuses(head + "[responder.push]\nlisten = \"unix:" + site.file("push.sock") + "\"\n" + issuer +
              index,
          "[responder.push]");
  refuses(head + issuer + index + publish, "[[publish.crl]]");
  const Running with_store({muster_binary(), "responder", "--store", site.file("store"), "-c",
                            site.dir.write("muster.toml", head + issuer)});
  EXPECT_TRUE(std::filesystem::exists(site.file("store")));
}

/// Neither a label nor a file names it, so its place does.
TEST_F(Start, WithAnIssuerThatNothingNames) {
  const std::string named = "[responder]\nlisten = \"127.0.0.1:0\"\n[[responder.issuer]]\nca = \"" +
                            site.file("ca.pem") + "\"\nkey = \"" + site.file("ca.key") +
                            "\"\nindex = \"" + site.file("index.txt") + "\"\n";
  const auto refuses = [&](const std::string& second, const char* what) {
    const std::string file =
        site.dir.write("muster.toml", named + "[[responder.issuer]]\n" + second);
    fails({muster_binary(), "config", "check", file}, 64, HasSubstr(what));
  };
  refuses("key = \"x.key\"\n", "issuer number 2 has neither index nor crl");
  refuses("key = \"x.key\"\nindex = \"x.txt\"\n", "issuer number 2: no CA certificate");
  refuses("key = \"x.key\"\nindex = \"x.txt\"\nkey_pass = \"env:MUSTER_TEST_ABSENT\"\n",
          "issuer number 2: key_pass names");
}

TEST_F(Start, WithAnAddressInUse) {
  Running responder(site.one_liner());
  std::vector<std::string> command = site.one_liner();
  *(std::find(command.begin(), command.end(), "--listen") + 1) = responder.address;
  fails(command, 69, HasSubstr("in use"));
}

TEST_F(Start, WithABadConfiguration) {
  const std::string file = site.dir.write("muster.toml", "[responder]\nlisen = \"127.0.0.1:0\"\n");
  fails({muster_binary(), "responder", "-c", file}, 64, HasSubstr("did you mean 'listen'"));
}

}  // namespace
}  // namespace muster::testing
