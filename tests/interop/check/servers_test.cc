#include "check_fixture.h"
#include "muster/testing/response_builder.h"

// How a server can be named, against `openssl s_server`; what it staples is told in
// openssl_server_test.cc; unix sockets in tests/interop/starttls (s_server ends as soon as it has
// one and no terminal).
namespace muster::interop {
namespace {

using namespace muster::testing;
using std::chrono::hours;
using ::testing::HasSubstr;

class NamedServers : public CheckTest {
 protected:
  NamedServers() : leaf_(make_leaf("leaf.example")) {
    EntrySpec entry = entry_for(leaf_.identity.certificate, pki_.intermediate.certificate);
    entry.this_update = now_ - hours(1);
    entry.next_update = now_ + hours(50);
    staple_ = dir_.write(
        "staple.der", build_response(pki_.ocsp_signer, {.entries = {entry}, .produced_at = now_}));
  }

  /// \param where  "-accept", "127.0.0.1:0" or "-unix", PATH
  void start(const std::vector<std::string>& where, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {
        "openssl",      "s_server", "-cert", leaf_.pem,
        "-cert_chain",  leaf_.pem,  "-key",  dir_.file("leaf.example.key"),
        "-status_file", staple_};
    arguments.insert(arguments.end(), where.begin(), where.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    daemon_ = std::make_unique<Daemon>(arguments);
  }
  std::string port() {
    const auto port = daemon_->wait_for_port("ACCEPT");
    EXPECT_TRUE(port) << daemon_->output();
    return std::to_string(port.value_or(0));
  }
  CheckRun ask(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--roots", roots_, "--json"});
    return check(std::move(arguments));
  }

  Leaf leaf_;
  std::string staple_;
  std::unique_ptr<Daemon> daemon_;
};

TEST_F(NamedServers, ByNamePortAddressAndUrl) {
  start({"-accept", "127.0.0.1:0"});
  const std::string p = port(), resolve = "leaf.example:" + p + ":127.0.0.1";
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"leaf.example:" + p, "--resolve", resolve},
        {"https://leaf.example:" + p + "/status?x", "--resolve", resolve},
        {"127.0.0.1:" + p, "--sni", "leaf.example"},
        {"https://127.0.0.1:" + p, "--sni", "leaf.example"}}) {
    const CheckRun run = ask(arguments);
    EXPECT_EQ(run.exit_code, 0) << arguments.front() << run.out << run.err;
    EXPECT_THAT(std::string(run.target()["peer"]), HasSubstr("127.0.0.1:" + p));
  }
}

TEST_F(NamedServers, ByIpv6Address) {
  start({"-accept", "[::1]:0"});
  const auto ready = daemon_->wait_for_port("ACCEPT", Milliseconds(5'000));
  if (!ready) {
    GTEST_SKIP() << "no IPv6 on this machine's loopback: " << daemon_->output();
  }
  const std::string p = std::to_string(*ready);
  for (const std::string& target : {"[::1]:" + p, "https://[::1]:" + p + "/"}) {
    const CheckRun run = ask({target, "--sni", "leaf.example"});
    EXPECT_EQ(run.exit_code, 0) << target << run.out << run.err;
  }
  const CheckRun resolved = ask({"leaf.example:" + p, "--resolve", "leaf.example:" + p + ":[::1]"});
  EXPECT_EQ(resolved.exit_code, 0) << resolved.out;
}

TEST_F(NamedServers, ThatAskForAClientCertificate) {
  CertificateSpec spec = leaf_spec("client.example");
  spec.at = now_;
  spec.extended_key_usage.clear();  // a server's may not be shown by clients
  const Identity client = issue(pki_.intermediate, spec);
  const std::string pem = client.write(dir_, "client.example", {pki_.intermediate.certificate});
  start({"-accept", "127.0.0.1:0"},
        {"-tls1_2", "-Verify", "2", "-verify_return_error", "-CAfile", roots_});
  const std::string target = "127.0.0.1:" + port();
  const CheckRun without = ask({target, "--sni", "leaf.example"});
  EXPECT_EQ(without.exit_code, 3) << without.out;
  EXPECT_THAT(std::string(without.target()["problem"]), HasSubstr("alert"));

  const std::string key = dir_.file("client.example.key");
  const std::vector<std::string> ask_as = {target, "--sni", "leaf.example", "--client-cert"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), ask_as.begin(), ask_as.end());
    return ask(std::move(more));
  };
  const CheckRun separate = with({pem, "--client-key", key});
  EXPECT_EQ(separate.exit_code, 0) << separate.out << separate.err;
  const std::string one = dir_.write("one.pem", read_text(pem) + read_text(key));
  EXPECT_EQ(with({one}).exit_code, 0);

  const std::string store = dir_.file("client.p12");
  const auto made = run_process({"openssl", "pkcs12", "-export", "-in", pem, "-inkey", key,
                                 "-passout", "pass:sesame", "-out", store});
  ASSERT_EQ(made.exit_code, 0) << made.describe();
  const std::string word = dir_.write("word", "sesame\n");
  EXPECT_EQ(with({store, "--client-pass", "file:" + word}).exit_code, 0);
  const CheckRun locked = with({store});
  EXPECT_EQ(locked.exit_code, 66);
  EXPECT_THAT(locked.err, HasSubstr("--client-pass"));
  const CheckRun keyless = with({pem, "--client-key", leaf_.pem});
  EXPECT_EQ(keyless.exit_code, 66);
}

}  // namespace
}  // namespace muster::interop
