#include "check_fixture.h"

namespace muster::interop {
namespace {

using namespace muster::testing;
using ::testing::Contains;
using ::testing::HasSubstr;

/// `openssl ocsp` as the responder of the intermediate, on its index.txt.
class OpensslResponder : public CheckTest {
 protected:
  OpensslResponder() {
    good_.emplace(make_leaf("good.example"));
    revoked_.emplace(make_leaf("revoked.example"));
    stranger_.emplace(make_leaf("stranger.example"));
    index_ = dir_.write("index.txt", index_line(good_->identity.certificate) +
                                         index_line(revoked_->identity.certificate,
                                                    now_ - std::chrono::hours(9), "keyCompromise"));
    issuer_ = pki_.intermediate.write(dir_, "intermediate");
    signer_ = pki_.ocsp_signer.write(dir_, "signer");
  }

  void start(const std::vector<std::string>& more = {"-ndays", "1"}) {
    // The program takes no port 0; another one may take the port in between, so a few are tried.
    for (int attempt = 0; attempt < 5; ++attempt) {
      port_ = unused_port();
      std::string key = signer_;
      key.replace(key.size() - 3, 3, "key");
      std::vector<std::string> arguments = {"openssl", "ocsp",  "-index",   index_,
                                            "-CA",     issuer_, "-rsigner", signer_,
                                            "-rkey",   key,     "-port",    std::to_string(port_)};
      arguments.insert(arguments.end(), more.begin(), more.end());
      daemon_ = std::make_unique<Daemon>(arguments);
      if (daemon_->wait_for("ACCEPT", Milliseconds(5000))) {
        return;
      }
    }
    FAIL() << daemon_->output();
  }

  CheckRun ask(const Leaf& leaf, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {leaf.pem, "--roots", roots_, "--url",
                               "http://127.0.0.1:" + std::to_string(port_), "--json"});
    return check(more);
  }

  std::optional<Leaf> good_, revoked_, stranger_;
  std::string index_, issuer_, signer_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Daemon> daemon_;
};

TEST_F(OpensslResponder, IsBelievedAboutSerialsWithNoCertificateAtHand) {
  start();
  const auto code = [&](const Leaf& leaf) {
    return check({"--issuer", issuer_, "--serial", leaf.identity.certificate.serial().to_hex(),
                  "--roots", roots_, "--url", "http://127.0.0.1:" + std::to_string(port_)})
        .exit_code;
  };
  EXPECT_EQ(code(*good_), 0);
  EXPECT_EQ(code(*revoked_), 1);
  EXPECT_EQ(code(*stranger_), 2);
}

// req: OCSP-CLI-001 OCSP-CLI-002 OCSP-CLI-004 OCSP-CLI-028 OCSP-CLI-038
TEST_F(OpensslResponder, IsBelievedAboutGoodRevokedAndUnknown) {
  start();
  const CheckRun good = ask(*good_);
  EXPECT_EQ(good.exit_code, 0) << good.out << good.err;
  EXPECT_EQ(good.target()["cert_status"]["status"], "good");
  EXPECT_EQ(good.target()["certificate"]["chain"], "trusted");
  EXPECT_EQ(good.target()["evidence"][0]["signer"]["authority"], "delegate");
  EXPECT_EQ(good.target()["evidence"][0]["attempts"][0]["certid_hash"], "sha256");

  const CheckRun revoked = ask(*revoked_);
  EXPECT_EQ(revoked.exit_code, 1) << revoked.out;
  EXPECT_EQ(revoked.target()["cert_status"]["reason"], "keyCompromise");
  EXPECT_EQ(revoked.target()["cert_status"]["revoked_at"]["epoch"],
            to_int(now_ - std::chrono::hours(9)));

  const CheckRun unknown = ask(*stranger_);
  EXPECT_EQ(unknown.exit_code, 2) << unknown.out;
}

// req: OCSP-CLI-052 OCSP-CLI-055
TEST_F(OpensslResponder, UnderstandsOurGetAndPost) {
  start();
  const CheckRun get = ask(*good_);
  EXPECT_EQ(get.target()["evidence"][0]["attempts"][0]["method"], "GET");
  EXPECT_EQ(get.exit_code, 0) << get.out;
  const CheckRun post = ask(*good_, {"--post"});
  EXPECT_EQ(post.target()["evidence"][0]["attempts"][0]["method"], "POST");
  EXPECT_EQ(post.exit_code, 0) << post.out;
}

// req: OCSP-CLI-042
TEST_F(OpensslResponder, ReturnsOurNonce) {
  start();
  const CheckRun run = ask(*good_, {"--nonce"});
  EXPECT_EQ(run.exit_code, 0) << run.out;
  EXPECT_EQ(run.target()["evidence"][0]["facts"]["nonce"], "holds");
  EXPECT_EQ(run.target()["evidence"][0]["attempts"][0]["nonce_octets"], 32);
}

// req: OCSP-CLI-022 OCSP-CLI-030 OCSP-CLI-032
TEST_F(OpensslResponder, ReadsWhoAsksAndWhatIsAccepted) {
  const Leaf requestor = make_leaf("requestor.example");
  std::string key = requestor.pem;
  key.replace(key.size() - 3, 3, "key");
  start({"-ndays", "1", "-req_text", "-nrequest", "1"});  // then it ends, and its output is whole
  const CheckRun run = ask(*good_, {"--leaf-only", "--requestor-cert", requestor.pem,
                                    "--requestor-key", key, "--list-algorithms", "--list-types"});
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
  EXPECT_EQ(run.target()["evidence"][0]["attempts"][0]["method"], "POST") << "too long for GET";
  ASSERT_TRUE(daemon_->wait(Milliseconds(10'000)));
  const std::string seen = daemon_->output();
  EXPECT_THAT(seen, HasSubstr("Requestor Name: DirName:"));
  EXPECT_THAT(seen, HasSubstr("requestor.example"));
  EXPECT_THAT(seen, HasSubstr("Signature Algorithm: ecdsa-with-SHA256"));
  EXPECT_THAT(seen, HasSubstr("Acceptable OCSP Responses"));
  EXPECT_THAT(seen, HasSubstr("Basic OCSP Response"));
  EXPECT_THAT(seen, HasSubstr("..*.H.=")) << "ECDSA's identifiers, in an extension it cannot read";
}

// req: OCSP-CLI-022
TEST_F(OpensslResponder, OursAnswersThoseWhoSignAlone) {
  const Leaf requestor = make_leaf("requestor.example");
  std::string signer_key = signer_, requestor_key = requestor.pem;
  signer_key.replace(signer_key.size() - 3, 3, "key");
  requestor_key.replace(requestor_key.size() - 3, 3, "key");
  const char* const binary = std::getenv("MUSTER_BINARY");
  ASSERT_NE(binary, nullptr);
  Daemon ours({binary, "responder", "--config",
               dir_.write("muster.toml",
                          "[responder]\nlisten = \"127.0.0.1:0\"\nloops = 1\n"
                          "[[responder.issuer]]\nca = \"" +
                              issuer_ + "\"\nindex = \"" + index_ + "\"\nsigner = \"" + signer_ +
                              "\"\nkey = \"" + signer_key +
                              "\"\nrequest_signatures = \"required\"\nrequestor_anchors = \"" +
                              roots_ + "\"\n")});
  port_ = ours.wait_for_port("listening on ").value_or(0);
  ASSERT_NE(port_, 0) << ours.output();
  const CheckRun plain = ask(*good_);
  EXPECT_EQ(plain.exit_code, 3) << plain.out;
  EXPECT_THAT(plain.codes(), Contains("responder-error"));
  const std::vector<std::string> as_requestor = {"--requestor-cert", requestor.pem,
                                                 "--requestor-key", requestor_key};
  const CheckRun good = ask(*good_, as_requestor);
  EXPECT_EQ(good.exit_code, 0) << good.out << good.err << ours.output();
  EXPECT_EQ(ask(*revoked_, as_requestor).exit_code, 1);

  run_process({"openssl", "pkcs12", "-export", "-in", requestor.pem, "-inkey", requestor_key,
               "-passout", "pass:sesame", "-out", dir_.file("requestor.p12")});
  const std::string pass = "file:" + dir_.write("pass", "sesame\n");
  EXPECT_EQ(ask(*good_, {"--requestor-cert", dir_.file("requestor.p12"), "--requestor-pass", pass})
                .exit_code,
            0);
  const CheckRun locked = ask(*good_, {"--requestor-cert", dir_.file("requestor.p12")});
  EXPECT_EQ(locked.exit_code, 66);
  EXPECT_THAT(locked.err, HasSubstr("--requestor-pass"));
  const CheckRun nobody =
      ask(*good_, {"--requestor-cert", requestor.pem, "--requestor-key", signer_key});
  EXPECT_EQ(nobody.exit_code, 66) << "the key is another's";
}

// req: OCSP-CLI-014
TEST_F(OpensslResponder, IsNotBelievedPastItsNextUpdate) {
  start({"-ndays", "1"});
  const CheckRun tomorrow = ask(*good_, {"--at", "@" + std::to_string(to_int(now_) + 90000)});
  EXPECT_EQ(tomorrow.exit_code, 4) << tomorrow.out;
  EXPECT_THAT(tomorrow.codes(), Contains("response-expired"));
  EXPECT_EQ(tomorrow.target()["evidence"][0]["attempts"].size(), 4u)
      << "asked past caches once, in each of two rounds";
  const CheckRun yesterday = ask(*good_, {"--at", "@" + std::to_string(to_int(now_) - 90000)});
  EXPECT_EQ(yesterday.exit_code, 4) << yesterday.out;
  EXPECT_THAT(yesterday.codes(), Contains("response-not-yet-valid"));
}

// req: OCSP-CLI-016
TEST_F(OpensslResponder, IsBelievedWithoutNextUpdateUnlessPolicyDemandsIt) {
  start({});
  const CheckRun run = ask(*good_);
  EXPECT_EQ(run.exit_code, 0) << run.out;
  EXPECT_EQ(run.target()["evidence"][0]["freshness"]["next_update"], nullptr);
  const CheckRun strict = ask(*good_, {"--next-update-required"});
  EXPECT_EQ(strict.exit_code, 4);
  EXPECT_THAT(strict.codes(), Contains("next-update-missing"));
}

// req: OCSP-CLI-006
TEST_F(OpensslResponder, IsNotBelievedAboutAnotherCa) {
  CertificateSpec ca = ca_spec("Other CA");
  ca.at = now_;
  const Identity other = issue(pki_.root, ca);
  const std::string other_issuer = other.write(dir_, "other");
  CertificateSpec spec = leaf_spec("other.example");
  spec.at = now_;
  const std::string leaf = issue(other, spec).write(dir_, "other.example", {other.certificate});
  issuer_ = other_issuer;  // it claims to speak for the other CA, with the signer of ours
  start();
  const CheckRun run = check(
      {leaf, "--roots", roots_, "--json", "--url", "http://127.0.0.1:" + std::to_string(port_)});
  EXPECT_EQ(run.exit_code, 4) << run.out;
  EXPECT_THAT(run.codes(), Contains("signer-unauthorised"));
}

TEST_F(OpensslResponder, WorstTargetDecides) {
  start();
  const CheckRun run = check({good_->pem, revoked_->pem, stranger_->pem, "--roots", roots_, "--url",
                              "http://127.0.0.1:" + std::to_string(port_)});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.out, HasSubstr("verdict  GOOD\n"));
  EXPECT_THAT(run.out, HasSubstr("verdict  REVOKED\n"));
  EXPECT_THAT(run.out, HasSubstr("verdict  UNKNOWN\n"));
}

}  // namespace
}  // namespace muster::interop
