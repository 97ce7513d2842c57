#include "servers_fixture.h"

#include <arpa/inet.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "muster/base/assert.h"
#include "muster/base/file.h"
#include "muster/testing/crl_builder.h"
#include "muster/testing/eventually.h"

namespace muster::interop {

using namespace muster::testing;
using ::testing::HasSubstr;

namespace {

constexpr Seconds kPatience{30};

bool listens(std::uint16_t port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

/// False when the daemon ended or time is up.
bool wait_until_all_listen(Daemon& daemon, const std::vector<std::uint16_t>& ports) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (const std::uint16_t port : ports) {
    while (!listens(port)) {
      if (std::chrono::steady_clock::now() > deadline || daemon.wait(Milliseconds(50))) {
        return false;
      }
    }
  }
  return !daemon.wait(Milliseconds(0));
}

}  // namespace

ServerTest::ServerTest()
    : now_(SystemClock().now()), pki_(make_pki(now_)), leaf_([this] {
        CertificateSpec spec = leaf_spec("mail.example");
        spec.at = now_;
        return issue(pki_.intermediate, spec);
      }()) {
  ::chmod(dir_.path().c_str(), 0755);
  certificate_ = leaf_.write(dir_, "server", {pki_.intermediate.certificate});
  key_ = dir_.file("server.key");
  ::chmod(key_.c_str(), 0644);
  ca_ = write("ca.pem", to_pem({pki_.intermediate.certificate, pki_.root.certificate}));
  const CrlSpec nothing_revoked{.this_update = now_ - Seconds(60),
                                .next_update = now_ + Seconds(86'400)};
  crl_ = dir_.write("ca.crl", build_crl(pki_.intermediate, nothing_revoked));
  EntrySpec entry = entry_for(leaf_.certificate, pki_.intermediate.certificate);
  entry.this_update = now_ - Seconds(60);
  entry.next_update = now_ + Seconds(86'400);
  staple_ =
      build_response(pki_.ocsp_signer, {.entries = {entry}, .produced_at = entry.this_update});
}

bool ServerTest::is_root() { return ::geteuid() == 0; }

std::string ServerTest::user_name() {
  const passwd* user = ::getpwuid(::geteuid());
  return user == nullptr ? "" : user->pw_name;
}

std::string ServerTest::group_name() {
  const group* mine = ::getgrgid(::getegid());
  return mine == nullptr ? "" : mine->gr_name;
}

std::string ServerTest::open_directory(std::string_view name) const {
  const std::string path = dir_.file(name);
  MUSTER_ASSERT(::mkdir(path.c_str(), 0777) == 0);
  MUSTER_ASSERT(::chmod(path.c_str(), 0777) == 0);
  return path;
}

void ServerTest::start(std::size_t ports,
                       const std::function<std::vector<std::string>(const Ports&)>& command) {
  constexpr int kTries = 3;
  std::string outputs;
  for (int i = 0; i < kTries; ++i) {
    ports_.clear();
    while (ports_.size() < ports) {
      const std::uint16_t port = unused_port();
      if (std::find(ports_.begin(), ports_.end(), port) == ports_.end()) {
        ports_.push_back(port);
      }
    }
    daemon_ = std::make_unique<Daemon>(command(ports_));
    if (wait_until_all_listen(*daemon_, ports_)) {
      return;
    }
    outputs += daemon_->output() + "\n";
    daemon_->stop();
  }
  FAIL() << "the server does not come up: " << outputs;
}

bool ServerTest::until(const std::function<bool()>& holds, Seconds patience) {
  return testing::eventually(holds, patience, Milliseconds(50));
}

void ServerTest::wait_for_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::copy(path.begin(), path.end(), address.sun_path);
  ASSERT_TRUE(until(
      [&address] {
        const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
               0;
      },
      kPatience))
      << "nobody listens on " << path;
}

probe::ProbeRequest ServerTest::request_to(probe::Protocol protocol, std::uint16_t port) {
  probe::ProbeRequest request;
  request.host = "mail.example";
  request.connect_to = "127.0.0.1";
  request.port = port;
  request.protocol = protocol;
  request.timeout = Milliseconds(30'000);
  return request;
}

probe::ProbeRequest ServerTest::request_to_unix(probe::Protocol protocol, const std::string& path) {
  probe::ProbeRequest request = request_to(protocol, 0);
  request.unix_path = path;
  return request;
}

void ServerTest::expect_chain(probe::ProbeRequest request) const {
  for (const auto version : {probe::TlsVersion::kTls12, probe::TlsVersion::kTls13}) {
    request.version = version;
    const auto result = probe::probe(request);
    ASSERT_TRUE(result) << result.error().detail << "\n" << daemon_->output();
    EXPECT_EQ(result->version, version);
    EXPECT_EQ(result->protocol, request.protocol);
    ASSERT_EQ(result->chain.size(), 2u);
    EXPECT_TRUE(equal(result->chain[0], leaf_.certificate.der()));
    EXPECT_TRUE(equal(result->chain[1], pki_.intermediate.certificate.der()));
    EXPECT_EQ(result->staples.size(), 2u);
    EXPECT_EQ(result->peer_address, request.unix_path.empty()
                                        ? "127.0.0.1:" + std::to_string(request.port)
                                        : "unix:" + request.unix_path);
    EXPECT_FALSE(result->refusal) << result->refusal->detail;
  }
}

void ServerTest::expect_good(const std::string& target, const std::string& peer,
                             std::vector<std::string> more) const {
  const char* binary = std::getenv("MUSTER_BINARY");
  ASSERT_NE(binary, nullptr);
  std::vector<std::string> command = {binary, "check", target, "--roots", ca_, "--crl", crl_};
  command.insert(command.end(), more.begin(), more.end());
  const ProcessResult checked = run_process(command);
  EXPECT_EQ(checked.exit_code, 0) << checked.describe() << daemon_->output();
  EXPECT_THAT(checked.out, HasSubstr("GOOD"));
  EXPECT_THAT(checked.out, HasSubstr(peer));
}

void ServerTest::expect_good_at(probe::Protocol protocol, std::uint16_t port) const {
  const std::string where = "mail.example:" + std::to_string(port);
  const std::string peer = "127.0.0.1:" + std::to_string(port) + ", " +
                           std::string(probe::display_name(protocol)) + ", TLS 1.3";
  expect_good(std::string(probe::to_string(protocol)) + "://" + where, peer,
              {"--resolve", where + ":127.0.0.1"});
  expect_good(
      where, peer,
      {"--starttls", std::string(probe::to_string(protocol)), "--resolve", where + ":127.0.0.1"});
}

void ServerTest::expect_not_offered(const probe::ProbeRequest& request,
                                    const std::string& says) const {
  const auto result = probe::probe(request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, probe::ProbeErrc::kNoStartTls) << result.error().detail << "\n"
                                                                << daemon_->output();
  EXPECT_THAT(result.error().detail, HasSubstr(says));
}

}  // namespace muster::interop
