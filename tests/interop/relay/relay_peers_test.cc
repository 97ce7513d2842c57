#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "muster/net/fetcher.h"
#include "muster/testing/fault_responder.h"
#include "muster/testing/process.h"

// `muster relay` between a responder that counts and misbehaves, and clients of others.
namespace muster::testing {
namespace {

using ::testing::HasSubstr;

constexpr Milliseconds kPatience{30'000};

class RelayPeers : public ::testing::Test {
 protected:
  RelayPeers() {
    pki.root.write(dir, "root");
    pki.intermediate.write(dir, "ca");
    // What servers want in one file each.
    pki.leaf.write(dir, "leaf", {pki.intermediate.certificate});
    dir.write("chain.pem", pki.intermediate.certificate_pem() + pki.root.certificate_pem());
    dir.write("alone.pem", pki.leaf.certificate_pem());
  }
  static std::string binary() {
    const char* path = std::getenv("MUSTER_BINARY");
    return path != nullptr ? path : "muster";
  }
  [[nodiscard]] std::vector<std::string> command(std::vector<std::string> more = {}) const {
    std::vector<std::string> out = {binary(),     "relay",        "--issuer",    dir.file("ca.pem"),
                                    "--upstream", upstream.url(), "--directory", dir.file("relay"),
                                    "--listen",   "127.0.0.1:0"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  void start(std::vector<std::string> more = {}) {
    relay = std::make_unique<Daemon>(command(std::move(more)));
    const auto port = relay->wait_for_port("listening on", kPatience);
    ASSERT_TRUE(port) << relay->output();
    url = "http://127.0.0.1:" + std::to_string(*port) + "/";
  }
  /// What `openssl ocsp` makes of the relay's answer.
  [[nodiscard]] ProcessResult openssl_asks(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {
        "openssl", "ocsp", "-issuer", dir.file("ca.pem"),   "-cert", dir.file("alone.pem"),
        "-url",    url,    "-CAfile", dir.file("chain.pem")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_process(arguments);
  }
  /// What a TLS client sees stapled at a port.
  [[nodiscard]] std::string staple_at(std::uint16_t port) const {
    const ProcessResult seen =
        run_process({"openssl", "s_client", "-connect", "127.0.0.1:" + std::to_string(port),
                     "-servername", "leaf.example", "-status", "-CAfile", dir.file("chain.pem")},
                    {.input = ""});
    return seen.out.find("OCSP Response Status: successful") == std::string::npos ? "none"
           : seen.out.find("Cert Status: good") != std::string::npos              ? "good"
                                                                                  : "other";
  }
  /// Handshakes until a staple comes.
  [[nodiscard]] bool staples_soon(std::uint16_t port) const {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      if (staple_at(port) == "good") {
        return true;
      }
      std::this_thread::sleep_for(Milliseconds(100));
    }
    return false;
  }

  TestPki pki = make_pki(SystemClock().now());
  FaultResponder upstream{pki.ocsp_signer, pki.intermediate.certificate};
  TempDir dir;
  std::unique_ptr<Daemon> relay;
  std::string url;
};

TEST_F(RelayPeers, OpensslIsAnsweredFromOneFetch) {
  start();
  for (int i = 0; i < 3; ++i) {
    const ProcessResult asked = openssl_asks({"-no_nonce"});
    EXPECT_EQ(asked.exit_code, 0) << asked.describe();
    EXPECT_THAT(asked.out, HasSubstr("alone.pem: good"));
    EXPECT_THAT(asked.err, HasSubstr("Response verify OK"));
  }
  EXPECT_EQ(upstream.requests(), 1U);
  const ProcessResult with_nonce = openssl_asks();
  EXPECT_THAT(with_nonce.err, HasSubstr("no nonce in response"));
  EXPECT_THAT(with_nonce.out, HasSubstr("alone.pem: good"));
  EXPECT_EQ(upstream.requests(), 1U);
}

TEST_F(RelayPeers, KilledAndStartedAgainWithTheUpstreamDownItAnswers) {
  start();
  ASSERT_THAT(openssl_asks({"-no_nonce"}).out, HasSubstr("alone.pem: good"));
  upstream.set(Fault::kAbsent);
  relay->stop(SIGKILL);
  start();
  const ProcessResult asked = openssl_asks({"-no_nonce"});
  EXPECT_THAT(asked.out, HasSubstr("alone.pem: good")) << asked.describe() << relay->output();
  EXPECT_EQ(relay->stop().exit_code, 0) << relay->output();
}

TEST_F(RelayPeers, KilledAtAnyMomentItComesBackWhole) {
  for (int round = 0; round < 5; ++round) {
    start();
    std::thread client([this] {
      for (std::uint64_t serial = 1; serial <= 20; ++serial) {
        net::FetchRequest fetch;
        fetch.url = url;
        const pki::Certificate& ca = pki.intermediate.certificate;
        ocsp::Request request;
        request.requests.push_back(
            {pki::make_cert_id(HashAlgorithm::kSha1, ca, make_serial(serial)), {}});
        fetch.post_body = ocsp::encode_request(request);
        static_cast<void>(net::fetch(fetch));  // it may be killed while it answers
      }
    });
    std::this_thread::sleep_for(Milliseconds(7 * round));
    relay->stop(SIGKILL);
    client.join();
  }
  start();
  EXPECT_THAT(openssl_asks({"-no_nonce"}).out, HasSubstr("alone.pem: good"));
  EXPECT_EQ(relay->output().find("passed_over"), std::string::npos) << relay->output();
}

TEST_F(RelayPeers, ReloadsItsConfigurationAndKeepsTheOldOneWhenTheNewIsWrong) {
  const std::string right =
      "[relay]\nlisten = [\"127.0.0.1:0\"]\n[[relay.issuer]]\ncertificate = \"" +
      dir.file("ca.pem") + "\"\nresponders = [\"" + upstream.url() + "\"]\n";
  const std::string config = dir.write("muster.toml", right);
  relay = std::make_unique<Daemon>(
      std::vector<std::string>{binary(), "relay", "-c", config, "--admin", "127.0.0.1:0"});
  const auto port = relay->wait_for_port("listening on", kPatience);
  ASSERT_TRUE(port) << relay->output();
  url = "http://127.0.0.1:" + std::to_string(*port) + "/";
  dir.write("muster.toml", right + "[nonsense]\n");
  relay->send_signal(SIGHUP);
  ASSERT_TRUE(relay->wait_for("relay.reload_failed", kPatience)) << relay->output();
  EXPECT_THAT(openssl_asks({"-no_nonce"}).out, HasSubstr("alone.pem: good"));
  dir.write("muster.toml", right);
  relay->send_signal(SIGHUP);
  ASSERT_TRUE(relay->wait_for("relay.reloaded", kPatience)) << relay->output();
  EXPECT_EQ(relay->stop().exit_code, 0) << relay->output();
}

TEST_F(RelayPeers, ExitCodesTellWhyItDoesNotStart) {
  struct Case {
    std::vector<std::string> arguments;
    int exit_code;
    std::string said;
  };
  const Case cases[] = {
      {{binary(), "relay"}, 64, "nobody to relay for"},
      {{binary(), "relay", "--cert", dir.file("alone.pem")}, 66, "alone.pem"},
      {{binary(), "relay", "--cert", dir.file("leaf.pem")}, 66, "names no"},
      {{binary(), "relay", "--issuer", dir.file("ca.pem")}, 64, "no responder to ask"},
      {{binary(), "relay", "--upstream", "http://a.example/"}, 64, "give one"},
      {{binary(), "relay", "--issuer", dir.file("absent.pem"), "--upstream", "http://a.example/"},
       66,
       "absent.pem"},
      {command({"--hash", "md5"}), 64, "md5"},
      {{binary(), "relay", "--listen", "nowhere", "--issuer", dir.file("absent.pem"), "--upstream",
        "http://a.example/"},
       64,
       "a port of loopback"},
      {command({"--admin", "0.0.0.0:0"}), 64, "[relay.admin]"},
  };
  for (const Case& c : cases) {
    const ProcessResult refused = run_process(c.arguments);
    EXPECT_EQ(refused.exit_code, c.exit_code) << refused.describe();
    EXPECT_THAT(refused.err, HasSubstr(c.said));
  }
}

// nginx, which has no way to be handed a staple but a file: its own fetcher asks the relay.
TEST_F(RelayPeers, NginxFetchesItsStapleFromTheRelay) {
  const auto nginx = find_program("nginx");
  if (!nginx) {
    GTEST_SKIP() << "nginx is not installed";
  }
  start();
  const std::uint16_t port = unused_port();
  const auto file = [this](const char* name) { return dir.file(name); };
  const std::string config = dir.write(
      "nginx.conf",
      "daemon off; master_process off; pid " + file("nginx.pid") + "; error_log stderr warn;\n" +
          "events {}\nhttp {\n  access_log off;\n  client_body_temp_path " + file("body") +
          "; proxy_temp_path " + file("proxy") + "; fastcgi_temp_path " + file("fastcgi") +
          "; uwsgi_temp_path " + file("uwsgi") + "; scgi_temp_path " + file("scgi") +
          ";\n  server {\n    listen 127.0.0.1:" + std::to_string(port) +
          " ssl;\n    ssl_certificate " + file("leaf.pem") + ";\n    ssl_certificate_key " +
          file("leaf.key") + ";\n    ssl_stapling on;\n    ssl_stapling_verify on;\n" +
          "    ssl_trusted_certificate " + file("chain.pem") + ";\n    ssl_stapling_responder " +
          url + ";\n  }\n}\n");
  Daemon server({*nginx, "-p", file("."), "-c", config});
  EXPECT_TRUE(staples_soon(port)) << server.output() << relay->output();
  EXPECT_EQ(upstream.requests(), 1U);
  // A new nginx, while the CA is down.
  upstream.set(Fault::kAbsent);
  server.stop();
  Daemon again({*nginx, "-p", file("."), "-c", config});
  EXPECT_TRUE(staples_soon(port)) << again.output() << relay->output();
}

TEST_F(RelayPeers, ApacheFetchesItsStapleFromTheRelay) {
  const auto apache = find_program("apache2");
  const std::string modules = "/usr/lib/apache2/modules/";
  struct stat st {};
  if (!apache || ::stat((modules + "mod_ssl.so").c_str(), &st) != 0) {
    GTEST_SKIP() << "apache2 is not installed";
  }
  start();
  const std::uint16_t port = unused_port();
  const std::string user = ::getuid() == 0 ? "\nUser www-data\nGroup www-data" : "";
  const std::string config = dir.write(
      "apache.conf", "ServerRoot " + dir.file(".") + "\nPidFile " + dir.file("apache.pid") +
                         "\nServerName leaf.example\nLoadModule mpm_event_module " + modules +
                         "mod_mpm_event.so\nLoadModule authz_core_module " + modules +
                         "mod_authz_core.so\nLoadModule socache_shmcb_module " + modules +
                         "mod_socache_shmcb.so\nLoadModule ssl_module " + modules +
                         "mod_ssl.so\nDefaultRuntimeDir " + dir.file(".") + user +
                         "\nStartServers 1\nThreadsPerChild 4\nMaxRequestWorkers 4\nErrorLog "
                         "/dev/stderr\nListen 127.0.0.1:" +
                         std::to_string(port) + "\nSSLStaplingCache shmcb:" + dir.file("stapling") +
                         "(65536)\n<VirtualHost *:" + std::to_string(port) +
                         ">\n  SSLEngine on\n  SSLCertificateFile " + dir.file("leaf.pem") +
                         "\n  SSLCertificateKeyFile " + dir.file("leaf.key") +
                         "\n  SSLUseStapling on\n  SSLStaplingForceURL " + url +
                         "\n  SSLStaplingReturnResponderErrors off\n</VirtualHost>\n");
  Daemon server({*apache, "-f", config, "-DFOREGROUND"});
  EXPECT_TRUE(staples_soon(port)) << server.output() << relay->output();
  EXPECT_EQ(upstream.requests(), 1U);
  upstream.set(Fault::kAbsent);
  server.stop();
  Daemon again({*apache, "-f", config, "-DFOREGROUND"});
  EXPECT_TRUE(staples_soon(port)) << again.output() << relay->output();
}

// Caddy asks where the certificate says: in a closed network that is, by DNS or by the certificate,
// the relay.
TEST_F(RelayPeers, CaddyFetchesItsStapleFromTheRelay) {
  const auto caddy = find_program("caddy");
  if (!caddy) {
    GTEST_SKIP() << "caddy is not installed";
  }
  start();
  CertificateSpec spec = leaf_spec("leaf.example");
  spec.at = SystemClock().now();
  spec.ocsp_uris = {url};
  issue(pki.intermediate, spec).write(dir, "site", {pki.intermediate.certificate});
  const std::uint16_t port = unused_port();
  const std::string config = dir.write(
      "caddy.json",
      R"({"admin":{"disabled":true},"storage":{"module":"file_system","root":")" +
          dir.file("caddy") + R"("},"apps":{"http":{"servers":{"s":{"listen":["127.0.0.1:)" +
          std::to_string(port) +
          R"("],"automatic_https":{"disable":true},"tls_connection_policies":[{}]}}},)" +
          R"("tls":{"certificates":{"load_files":[{"certificate":")" + dir.file("site.pem") +
          R"(","key":")" + dir.file("site.key") + R"("}]}}}})");
  Daemon server({*caddy, "run", "--config", config}, {.environment = {{"HOME", dir.file(".")}}});
  EXPECT_TRUE(staples_soon(port)) << server.output() << relay->output();
}

}  // namespace
}  // namespace muster::testing
