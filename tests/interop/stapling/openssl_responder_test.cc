#include "stapler_fixture.h"

// The stapler against `openssl ocsp -port`.

namespace muster::interop {
namespace {

class OpensslResponder : public StaplerFixture {
 protected:
  void SetUp() override {
    port = testing::unused_port();
    const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/";
    leaf = std::make_unique<testing::Identity>(issue_leaf("web.example", {url}));
    leaf_path = leaf->write(dir, "web", {pki.intermediate.certificate});
    index = dir.write("index.txt", testing::index_line(leaf->certificate));
    ca = dir.write("ca.pem", testing::to_pem({pki.intermediate.certificate}));
    signer = pki.ocsp_signer.write(dir, "signer");
    key = dir.file("signer.key");
  }
  [[nodiscard]] std::unique_ptr<Daemon> start_openssl() const {
    auto daemon = std::make_unique<Daemon>(
        std::vector<std::string>{"openssl", "ocsp", "-port", std::to_string(port), "-index", index,
                                 "-CA", ca, "-rsigner", signer, "-rkey", key, "-ndays", "1"});
    EXPECT_TRUE(daemon->wait_for("aiting for OCSP client connections")) << daemon->output();
    return daemon;
  }
  std::uint16_t port = 0;
  std::string index, ca, signer, key;
};

// req: OCSP-STAP-001 OCSP-STAP-002 OCSP-STAP-010
TEST_F(OpensslResponder, GoodThenDownThenRevoked) {
  auto openssl = start_openssl();
  auto stapler = start();
  EXPECT_EQ(judge_file(), "good") << stapler->output();

  openssl->stop(SIGKILL);
  stapler->stop(SIGKILL);
  stapler = start();
  EXPECT_EQ(judge_file(), "good") << "from the shelf: " << stapler->output();

  dir.write("index.txt", testing::index_line(leaf->certificate, SystemClock().now() - Seconds(60),
                                             "keyCompromise"));
  openssl = start_openssl();
  EXPECT_TRUE(until([&] { return judge_file() == "revoked"; }, Milliseconds(30'000)))
      << stapler->output() << openssl->output();
}

TEST_F(OpensslResponder, OpensslVerifiesTheFileWeWrote) {
  const auto openssl = start_openssl();
  const auto stapler = start();
  const auto result = testing::run_process(
      {"openssl", "ocsp", "-respin", dir.file("out/web.ocsp"), "-issuer", ca, "-cert", leaf_path,
       "-CAfile", dir.write("root.pem", testing::to_pem({pki.root.certificate})), "-verify_other",
       ca});
  EXPECT_THAT(result.out + result.err, ::testing::HasSubstr("Response verify OK"))
      << result.describe();
  EXPECT_THAT(result.out, ::testing::HasSubstr(": good"));
}

}  // namespace
}  // namespace muster::interop
