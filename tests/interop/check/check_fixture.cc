#include "check_fixture.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "muster/base/assert.h"

namespace muster::interop {

using namespace muster::testing;

std::vector<std::string> CheckRun::codes() const {
  std::vector<std::string> found;
  const Json what = target();
  for (const Json& reason : what["reasons"]) {
    found.push_back(reason["code"]);
  }
  return found;
}

CheckRun check(std::vector<std::string> arguments, const ProcessOptions& options) {
  const char* binary = std::getenv("MUSTER_BINARY");
  MUSTER_ASSERT(binary != nullptr);
  arguments.insert(arguments.begin(), {binary, "check"});
  const ProcessResult result = run_process(arguments, options);
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.signal, 0) << result.describe();
  return {result.exit_code, result.out, result.err};
}

ScriptedServer::ScriptedServer(std::string answer, Then then)
    : answer_(std::move(answer)), then_(then) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  MUSTER_ASSERT(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                0);
  MUSTER_ASSERT(::listen(listener_, 16) == 0);
  socklen_t size = sizeof address;
  MUSTER_ASSERT(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this] { serve(); });
}

ScriptedServer::~ScriptedServer() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

void ScriptedServer::serve() {
  std::vector<int> held;
  for (;;) {
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection < 0) {
      break;
    }
    char buffer[65536];
    if (::recv(connection, buffer, sizeof buffer, 0) >= 0) {
      std::string_view rest = answer_;
      while (!rest.empty()) {
        const ssize_t sent = ::send(connection, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
          break;
        }
        rest.remove_prefix(static_cast<std::size_t>(sent));
      }
    }
    if (then_ == Then::kHold) {
      held.push_back(connection);
    } else {
      ::close(connection);
    }
  }
  for (const int connection : held) {
    ::close(connection);
  }
}

std::string http_answer(Bytes body, const std::string& status, const std::string& type) {
  return "HTTP/1.1 " + status + "\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" +
         std::string(as_text(body));
}

CheckTest::CheckTest() : now_(SystemClock().now()), pki_(make_pki(now_)) {
  roots_ = dir_.write("root.pem", to_pem({pki_.root.certificate}));
}

CheckTest::Leaf CheckTest::make_leaf(const std::string& name,
                                     const std::vector<std::string>& ocsp_uris, bool must_staple) {
  CertificateSpec spec = leaf_spec(name);
  spec.at = now_;
  spec.ocsp_uris = ocsp_uris;
  if (must_staple) {
    spec.tls_features = {5};
  }
  Identity identity = issue(pki_.intermediate, spec);
  std::string pem = identity.write(dir_, name, {pki_.intermediate.certificate});
  return {std::move(identity), std::move(pem), name};
}

}  // namespace muster::interop
