#include <filesystem>

#include "site.h"

// What an operator does to a running responder.
namespace muster::testing {
namespace {

using ::testing::HasSubstr;

// req: OCSP-RESP-004
TEST(Operation, ARevocationInIndexTxtShowsWithoutRestart) {
  Site site;
  Running responder(site.one_liner());
  EXPECT_EQ(openssl_says(site, responder), "good");
  site.write_index(
      index_line(site.pki.leaf.certificate, SystemClock().now() - Seconds(60), "keyCompromise"));
  ASSERT_TRUE(responder.daemon.wait_for("revoked=1")) << responder.daemon.output();
  const ProcessResult result = openssl_ocsp(site, responder, {});
  EXPECT_THAT(result.out, HasSubstr("leaf.pem: revoked"));
  EXPECT_THAT(result.out, HasSubstr("Reason: keyCompromise"));
  EXPECT_EQ(openssl_says(site, responder, {"-no_nonce"}), "revoked");
}

TEST(Operation, ABrokenIndexKeepsTheOldState) {
  Site site;
  Running responder(site.one_liner());
  site.write_index("R\tnot a line\n");
  ASSERT_TRUE(responder.daemon.wait_for("source.refused")) << responder.daemon.output();
  EXPECT_EQ(openssl_says(site, responder), "good");
  site.write_index(index_line(site.pki.leaf.certificate, SystemClock().now()));
  ASSERT_TRUE(responder.daemon.wait_for("revoked=1")) << responder.daemon.output();
  EXPECT_EQ(openssl_says(site, responder), "revoked");
}

TEST(Operation, ANewCrlShowsWithoutRestart) {
  Site site;
  const UnixSeconds now = SystemClock().now();
  CrlSpec crl;
  crl.this_update = now - Seconds(120);
  crl.next_update = now + Seconds(3600);
  crl.number = 1;
  site.dir.write("ca.crl", build_crl(site.pki.intermediate, crl));
  const std::vector<std::string> command{muster_binary(), "responder",
                                         "--listen",      "127.0.0.1:0",
                                         "--ca",          site.file("ca.pem"),
                                         "--crl",         site.file("ca.crl"),
                                         "--unlisted",    "good",
                                         "--signer",      site.file("ocsp.pem"),
                                         "--key",         site.file("ocsp.key")};
  Running responder(command);
  EXPECT_EQ(openssl_says(site, responder), "good");
  crl.this_update = now - Seconds(60);
  crl.number = 2;
  crl.entries = {revoked_entry(site.pki.leaf.certificate.serial(), now - Seconds(90),
                               ReasonCode::kSuperseded)};
  const std::string fresh = site.dir.write("new.crl", build_crl(site.pki.intermediate, crl));
  ASSERT_EQ(std::rename(fresh.c_str(), site.file("ca.crl").c_str()), 0);
  ASSERT_TRUE(responder.daemon.wait_for("revoked=1")) << responder.daemon.output();
  EXPECT_EQ(openssl_says(site, responder), "revoked");
  EXPECT_EQ(openssl_says(site, responder, {}, "other.pem"), "good") << "as --unlisted decided";
}

/// Several CAs from one configuration file, one of them signing by itself with an encrypted key.
TEST(Operation, OneFileServesSeveralCas) {
  Site site;
  const Identity second = make_self_signed([] {
    CertificateSpec spec = ca_spec("second CA");
    spec.at = SystemClock().now();
    return spec;
  }());
  CertificateSpec leaf = leaf_spec("second.example");
  leaf.at = SystemClock().now();
  const Identity second_leaf = issue(second, leaf);
  second.write(site.dir, "second");
  second_leaf.write(site.dir, "second_leaf");
  site.dir.write("second.enc", encrypted_pem(second.key, "secret"));
  site.dir.write("second.pass", "secret\n");
  site.dir.write("second.txt", index_line(second_leaf.certificate));
  site.dir.write(
      "muster.toml",
      "[responder]\nlisten = \"127.0.0.1:0\"\nloops = 2\nstore = \"" + site.file("store") +
          "\"\n[[responder.issuer]]\nca = \"" + site.file("ca.pem") + "\"\nsigner = \"" +
          site.file("ocsp.pem") + "\"\nkey = \"" + site.file("ocsp.key") + "\"\nindex = \"" +
          site.file("index.txt") + "\"\n[[responder.issuer]]\nca = \"" + site.file("second.pem") +
          "\"\nkey = \"" + site.file("second.enc") + "\"\nkey_pass = \"file:" +
          site.file("second.pass") + "\"\nindex = \"" + site.file("second.txt") + "\"\n");
  Running responder({muster_binary(), "responder", "--config", site.file("muster.toml")});
  EXPECT_EQ(openssl_says(site, responder), "good");
  const ProcessResult result = run_process({"openssl", "ocsp", "-issuer", site.file("second.pem"),
                                            "-cert", site.file("second_leaf.pem"), "-CAfile",
                                            site.file("second.pem"), "-url", responder.url});
  EXPECT_THAT(result.out, HasSubstr("second_leaf.pem: good")) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("Response verify OK"));
}

// req: OCSP-RESP-019
TEST(Operation, HangupTakesANewSignerAndRefusesABadOne) {
  Site site;
  Running responder(site.one_liner());
  CertificateSpec spec = ocsp_signer_spec("second signer");
  spec.at = SystemClock().now();
  issue(site.pki.intermediate, spec).write(site.dir, "ocsp");
  responder.daemon.send_signal(SIGHUP);
  ASSERT_TRUE(responder.daemon.wait_for("responder.reloaded")) << responder.daemon.output();
  const ProcessResult text = openssl_ocsp(site, responder, {"-resp_text"});
  EXPECT_THAT(text.out, HasSubstr("second signer"));
  EXPECT_THAT(text.err, HasSubstr("Response verify OK"));

  site.dir.write("ocsp.key", site.pki.leaf.key_pem);  // the wrong key
  responder.daemon.send_signal(SIGHUP);
  const auto line = responder.daemon.wait_for("responder.reload_failed");
  ASSERT_TRUE(line) << responder.daemon.output();
  EXPECT_THAT(*line, HasSubstr("does not belong"));
  EXPECT_EQ(openssl_says(site, responder), "good");
}

TEST(Operation, TerminationIsCleanAndLeavesNothingBehind) {
  Site site;
  const TempDir runtime;
  Running responder(site.one_liner(), {.environment = {{"XDG_RUNTIME_DIR", runtime.path()}}});
  EXPECT_FALSE(std::filesystem::is_empty(runtime.path()));
  EXPECT_EQ(openssl_says(site, responder), "good");
  const ProcessResult ended = responder.daemon.stop(SIGTERM);
  EXPECT_EQ(ended.exit_code, 0) << responder.daemon.output();
  EXPECT_TRUE(std::filesystem::is_empty(runtime.path()));
  EXPECT_THAT(responder.daemon.output(), HasSubstr("good=1"));
}

/// A configured store outlives the process: the next one can answer although its source has gone.
TEST(Operation, AKeptStoreAnswersWhileTheSourceIsAway) {
  Site site;
  {
    Running first(site.one_liner({"--store", site.file("store")}));
    EXPECT_EQ(openssl_says(site, first), "good");
  }
  std::filesystem::remove(site.file("index.txt"));
  Running second(site.one_liner({"--store", site.file("store")}));
  EXPECT_THAT(second.daemon.output(), HasSubstr("responder.old_data"));
  EXPECT_EQ(openssl_says(site, second), "good");
}

/// Records written into the store by another process count from the next request on.
TEST(Operation, TheStoreItselfCanBeTheSource) {
  Site site;
  const std::vector<std::string> store{muster_binary(), "store", "-d", site.file("store")};
  const auto run_store = [&store](const std::vector<std::string>& words) {
    std::vector<std::string> command = store;
    command.insert(command.end(), words.begin(), words.end());
    const ProcessResult result = run_process(command);
    EXPECT_EQ(result.exit_code, 0) << result.describe();
  };
  run_store({"issuer", "--ca", site.file("ca.pem"), "--issued", "complete"});
  const std::string serial = site.pki.leaf.certificate.serial().to_hex();
  run_store({"set", serial, "good"});
  Running responder({muster_binary(), "responder", "--listen", "127.0.0.1:0", "--ca",
                     site.file("ca.pem"), "--signer", site.file("ocsp.pem"), "--key",
                     site.file("ocsp.key"), "--store", site.file("store")});
  EXPECT_EQ(openssl_says(site, responder, {"-no_nonce"}), "good");
  EXPECT_EQ(openssl_says(site, responder, {"-no_nonce"}), "good");
  run_store({"set", serial, "revoked", "--reason", "keyCompromise"});
  EXPECT_EQ(openssl_says(site, responder, {"-no_nonce"}), "revoked");
}

}  // namespace
}  // namespace muster::testing
