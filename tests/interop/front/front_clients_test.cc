// The program `muster front` and other people's TLS clients.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "muster/base/text.h"
#include "muster/keeper/shelf.h"
#include "muster/net/http_server.h"
#include "muster/testing/fault_responder.h"
#include "muster/testing/process.h"
#include "muster/testing/response_builder.h"
#include "net_testing.h"

namespace muster {
namespace {

using ::testing::AllOf;
using testing::Daemon;
using ::testing::HasSubstr;
using testing::Identity;
using ::testing::Not;
using testing::run_process;

std::string serial_text(const Identity& identity) {
  return to_hex(identity.certificate.serial().octets());
}

/// Answers every request with a line.
class Page final : public net::HttpHandler {
 public:
  void handle(const http::RequestView&, net::HttpReply& reply) override {
    reply.send(200, "text/plain", {}, as_bytes("hello from behind the front\n"));
  }
};

/// Certificates and answers of today, since these programs know no other time.
class FrontClients : public ::testing::Test {
 protected:
  FrontClients() : now_(SystemClock().now()), pki_(testing::make_pki(now_)) {
    const char* binary = std::getenv("MUSTER_BINARY");
    binary_ = binary == nullptr ? "muster" : binary;
    thread_.call([this] {
      auto server = net::HttpServer::listen(thread_.loop(), "127.0.0.1:0", {}, page_);
      ASSERT_TRUE(server);
      upstream_ = *std::move(server);
    });
    dir_.write("root.pem", testing::to_pem({pki_.root.certificate}));
  }
  ~FrontClients() override {
    thread_.call([this] { upstream_.reset(); });
  }

  Identity issue(const std::string& name, testing::KeyKind key = testing::KeyKind::kP256,
                 std::vector<std::uint32_t> features = {}) {
    auto spec = testing::leaf_spec(name);
    spec.at = now_;
    spec.ocsp_uris = {"http://127.0.0.1:1/"};
    spec.tls_features = std::move(features);
    if (key != testing::KeyKind::kP256) {
      spec.use_key = testing::cached_key(key);
    }
    return testing::issue(pki_.intermediate, spec);
  }
  Buffer answer_for(const Identity& leaf, ocsp::CertStatus status = ocsp::Good{}) {
    testing::EntrySpec entry =
        testing::entry_for(leaf.certificate, pki_.intermediate.certificate, status);
    entry.this_update = now_ - Seconds(60);
    entry.next_update = now_ + Seconds(3600);
    testing::ResponseSpec spec;
    spec.entries = {entry};
    spec.produced_at = now_ - Seconds(60);
    return testing::build_response(pki_.ocsp_signer, spec);
  }
  void put_on_shelf(const std::vector<Identity>& leaves, ocsp::CertStatus status = ocsp::Good{}) {
    auto shelf =
        keeper::Shelf::open(dir_.file("shelf"), keeper::ShelfMode::kOwner, {}, null_logger());
    ASSERT_TRUE(shelf);
    std::vector<keeper::Subject> subjects;
    for (const Identity& leaf : leaves) {
      subjects.push_back(
          {std::to_string(subjects.size()), leaf.certificate, pki_.intermediate.certificate});
    }
    (*shelf)->set_subjects(subjects, now_);
    for (const Identity& leaf : leaves) {
      const Buffer answer = answer_for(leaf, status);
      const auto verified = client::verify({.response = answer,
                                            .subject = leaf.certificate,
                                            .issuer = pki_.intermediate.certificate,
                                            .nonce_sent = {},
                                            .extra_certificates = {}},
                                           {}, now_);
      ASSERT_TRUE(verified) << verified.error().detail;
      (*shelf)->offer(*verified, "test", now_);
    }
  }
  /// One --cert and --key each.
  void start(const std::vector<std::pair<std::string, Identity>>& leaves,
             std::vector<std::string> flags = {}) {
    // Some of these tests lack a staple on purpose: do not wait long for it.
    const std::string config = dir_.write("wait.toml", "[front]\nstart_wait = \"100ms\"\n");
    std::vector<std::string> command = {binary_,      "front",
                                        "-c",         config,
                                        "--listen",   "127.0.0.1:0",
                                        "--shelf",    dir_.file("shelf"),
                                        "--upstream", upstream_->address()};
    for (const auto& [name, leaf] : leaves) {
      const std::string path = leaf.write(dir_, name, {pki_.intermediate.certificate});
      command.insert(command.end(),
                     {"--cert", path, "--key", path.substr(0, path.size() - 3) + "key"});
    }
    command.insert(command.end(), flags.begin(), flags.end());
    daemon_ = std::make_unique<Daemon>(command);
    const auto port = daemon_->wait_for_port("listening on ");
    ASSERT_TRUE(port) << daemon_->output();
    port_ = std::to_string(*port);
  }
  std::string s_client(const std::vector<std::string>& flags, const std::string& input = "") {
    std::vector<std::string> command = {
        "openssl", "s_client", "-connect", "127.0.0.1:" + port_, "-CAfile", dir_.file("root.pem")};
    command.insert(command.end(), flags.begin(), flags.end());
    const auto result = run_process(command, {.input = input});
    return result.out + result.err;
  }
  testing::ProcessResult curl(const std::string& name, const std::vector<std::string>& flags = {}) {
    std::vector<std::string> command = {"curl",
                                        "--silent",
                                        "--show-error",
                                        "--cacert",
                                        dir_.file("root.pem"),
                                        "--resolve",
                                        name + ":" + port_ + ":127.0.0.1",
                                        "https://" + name + ":" + port_ + "/"};
    command.insert(command.end(), flags.begin(), flags.end());
    return run_process(command);
  }

  const UnixSeconds now_;
  const testing::TestPki pki_;
  testing::TempDir dir_;
  std::string binary_;
  Page page_;
  net::LoopThread thread_;
  std::unique_ptr<net::HttpServer> upstream_;
  std::unique_ptr<Daemon> daemon_;
  std::string port_;
};

// req: OCSP-TLS-027
TEST_F(FrontClients, OpensslSeesTheStapleInTls12And13) {
  const Identity leaf = issue("one.example");
  put_on_shelf({leaf});
  start({{"one.example", leaf}});
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    EXPECT_THAT(s_client({"-status", version, "-servername", "one.example"}),
                AllOf(HasSubstr("OCSP Response Status: successful"), HasSubstr("Cert Status: good"),
                      HasSubstr("Verify return code: 0")))
        << version;
    EXPECT_THAT(s_client({version, "-servername", "one.example"}),
                Not(HasSubstr("OCSP Response Data")))
        << version;
  }
}

// req: OCSP-TLS-009
// req: OCSP-TLS-024
TEST_F(FrontClients, OpensslResumesWithoutStaple) {
  const Identity leaf = issue("one.example", testing::KeyKind::kP256, {5});
  put_on_shelf({leaf});
  start({{"one.example", leaf}}, {"--must-staple", "hold"});
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    const std::string session = dir_.file("session.pem");
    // A request, so that the ticket of TLS 1.3 has come before it leaves.
    EXPECT_THAT(
        s_client({"-status", version, "-ign_eof", "-sess_out", session}, "GET / HTTP/1.0\r\n\r\n"),
        HasSubstr("Cert Status: good"));
    EXPECT_THAT(s_client({"-status", version, "-sess_in", session}),
                AllOf(HasSubstr("Reused"), Not(HasSubstr("OCSP Response Data"))))
        << version;
  }
}

// req: OCSP-TLS-027
TEST_F(FrontClients, CurlInsistsOnAStapleAndGetsThePage) {
  const Identity leaf = issue("one.example"), bare = issue("bare.example");
  put_on_shelf({leaf});
  start({{"one.example", leaf}, {"bare.example", bare}});
  for (const char* version : {"1.2", "1.3"}) {
    const auto page = curl("one.example", {"--cert-status", "--tls-max", version});
    EXPECT_EQ(page.exit_code, 0) << page.describe();
    EXPECT_EQ(page.out, "hello from behind the front\n");
  }
  EXPECT_EQ(curl("bare.example", {"--cert-status"}).exit_code, 91);  // CURLE_SSL_INVALIDCERTSTATUS
  EXPECT_EQ(curl("bare.example").exit_code, 0);
}

TEST_F(FrontClients, CurlRefusesARevokedCertificate) {
  const Identity leaf = issue("one.example");
  put_on_shelf({leaf}, ocsp::Revoked{now_ - Seconds(600), std::nullopt});
  start({{"one.example", leaf}});
  EXPECT_EQ(curl("one.example", {"--cert-status"}).exit_code, 91);
}

// req: OCSP-TLS-027
TEST_F(FrontClients, GnutlsVerifiesTheStaple) {
  const Identity leaf = issue("one.example");
  put_on_shelf({leaf});
  start({{"one.example", leaf}});
  for (const char* priority : {"NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"}) {
    const auto result = run_process(
        {"gnutls-cli", "--port", port_, "--x509cafile", dir_.file("root.pem"), "--sni-hostname",
         "one.example", "--verify-hostname", "one.example", "--priority", priority, "127.0.0.1"});
    EXPECT_EQ(result.exit_code, 0) << result.describe();
    EXPECT_THAT(result.out, AllOf(HasSubstr("OCSP status request"),
                                  HasSubstr("Status: The certificate is trusted")))
        << result.describe();
  }
}

// req: OCSP-TLS-028
// req: OCSP-TLS-029
TEST_F(FrontClients, GnutlsWantsTheStapleThatAMustStapleCertificatePromises) {
  const Identity must = issue("must.example", testing::KeyKind::kP256, {5});
  put_on_shelf({});
  start({{"must.example", must}});
  const std::vector<std::string> command = {
      "gnutls-cli",          "--port",         port_,          "--x509cafile",
      dir_.file("root.pem"), "--sni-hostname", "must.example", "--verify-hostname",
      "must.example",        "127.0.0.1"};
  EXPECT_NE(run_process(command).exit_code, 0);
  put_on_shelf({must});
  EXPECT_TRUE(net::eventually([&] { return run_process(command).exit_code == 0; }));
}

// req: OCSP-TLS-030
TEST_F(FrontClients, EachKindOfKeyGetsItsOwnStaple) {
  const Identity ecdsa = issue("both.example"),
                 rsa = issue("both.example", testing::KeyKind::kRsa2048);
  put_on_shelf({ecdsa, rsa});
  start({{"ecdsa", ecdsa}, {"rsa", rsa}});
  for (const auto& [algorithms, leaf] :
       {std::pair<const char*, const Identity&>{"ECDSA+SHA256", ecdsa},
        {"RSA+SHA256:RSA-PSS+SHA256", rsa}}) {
    const std::string seen =
        s_client({"-status", "-servername", "both.example", "-sigalgs", algorithms});
    EXPECT_THAT(to_lower(seen), AllOf(HasSubstr("cert status: good"),
                                      HasSubstr("serial number: " + serial_text(leaf))))
        << algorithms;
  }
}

TEST_F(FrontClients, HupServesNewCertificatesAndTermEndsGracefully) {
  const Identity first = issue("one.example"), second = issue("one.example");
  put_on_shelf({first, second});
  start({{"one", first}});
  second.write(dir_, "one", {pki_.intermediate.certificate});
  daemon_->send_signal(SIGHUP);
  ASSERT_TRUE(daemon_->wait_for("front.reloaded"));
  EXPECT_TRUE(net::eventually(
      [&] { return s_client({"-status"}).find("Cert Status: good") != std::string::npos; }));
  const auto shown = run_process({"openssl", "x509", "-noout", "-serial"}, {.input = s_client({})});
  EXPECT_THAT(to_lower(shown.out), HasSubstr(serial_text(second)));

  dir_.write("one.key", "junk");
  daemon_->send_signal(SIGHUP);
  EXPECT_TRUE(daemon_->wait_for("the old certificates stay in force"));
  EXPECT_EQ(curl("one.example").exit_code, 0);
  const auto ended = daemon_->stop();
  EXPECT_EQ(ended.exit_code, 0) << ended.describe();
}

TEST_F(FrontClients, ReadsItsConfigurationFile) {
  const Identity leaf = issue("one.example");
  put_on_shelf({leaf});
  const std::string cert = leaf.write(dir_, "one", {pki_.intermediate.certificate});
  const std::string config = dir_.write(
      "muster.toml", "[front]\nlisten = [\"127.0.0.1:0\"]\nupstream = \"" + upstream_->address() +
                         "\"\nshelf = \"" + dir_.file("shelf") +
                         "\"\nmust_staple = \"hold\"\n[[front.certificate]]\ncertificate = \"" +
                         cert + "\"\nkey = \"" + dir_.file("one.key") + "\"\n");
  daemon_ = std::make_unique<Daemon>(std::vector<std::string>{binary_, "front", "-c", config});
  const auto port = daemon_->wait_for_port("listening on ");
  ASSERT_TRUE(port) << daemon_->output();
  port_ = std::to_string(*port);
  EXPECT_EQ(curl("one.example", {"--cert-status"}).exit_code, 0);
}

TEST_F(FrontClients, FetchesByItselfAsTheStaplersSettingsSay) {
  testing::FaultResponder responder(pki_.ocsp_signer, pki_.intermediate.certificate);
  auto spec = testing::leaf_spec("one.example");
  spec.at = now_;
  spec.ocsp_uris = {responder.url()};
  const Identity leaf = testing::issue(pki_.intermediate, spec);
  const std::string cert = leaf.write(dir_, "one", {pki_.intermediate.certificate});
  const std::string config =
      dir_.write("muster.toml",
                 "[stapler]\ncert_id_hash = \"sha256\"\n[front]\nlisten = [\"127.0.0.1:0\"]\nkeep "
                 "= true\nupstream = \"" +
                     upstream_->address() + "\"\n[[front.certificate]]\ncertificate = \"" + cert +
                     "\"\nkey = \"" + dir_.file("one.key") + "\"\n");
  daemon_ = std::make_unique<Daemon>(std::vector<std::string>{binary_, "front", "-c", config});
  const auto port = daemon_->wait_for_port("listening on ");
  ASSERT_TRUE(port) << daemon_->output();
  port_ = std::to_string(*port);
  EXPECT_THAT(s_client({"-status"}), HasSubstr("Cert Status: good"));
  const Buffer asked = responder.last_request();
  const auto request = ocsp::parse_request(asked);
  ASSERT_TRUE(request);
  const ocsp::SingleRequestView entry = *request->requests.begin();
  EXPECT_EQ(der::find_hash(entry.cert_id.hash_algorithm), HashAlgorithm::kSha256);
}

TEST_F(FrontClients, SaysWhichCertificatesHaveNoStaple) {
  const Identity leaf = issue("one.example");
  start({{"one", leaf}});
  EXPECT_TRUE(daemon_->wait_for("front.no_shelf")) << daemon_->output();
  EXPECT_TRUE(daemon_->wait_for("front.waiting")) << daemon_->output();
  const auto line = daemon_->wait_for("front.no_staple");
  ASSERT_TRUE(line) << daemon_->output();
  EXPECT_THAT(*line, HasSubstr("certificate=one"));
  put_on_shelf({leaf});
  EXPECT_TRUE(daemon_->wait_for("front.staple:")) << daemon_->output();
  EXPECT_THAT(s_client({"-status"}), HasSubstr("Cert Status: good"));
}

TEST_F(FrontClients, SaysWhatIsMissing) {
  const auto result = run_process({binary_, "front", "--listen", "127.0.0.1:0"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_THAT(result.err, HasSubstr("--upstream"));
  const auto no_file = run_process({binary_, "front", "--listen", "127.0.0.1:0", "--upstream",
                                    "127.0.0.1:1", "--cert", "/nonexistent.pem"});
  EXPECT_EQ(no_file.exit_code, 66);
  EXPECT_THAT(no_file.err, HasSubstr("/nonexistent.pem"));
}

}  // namespace
}  // namespace muster
