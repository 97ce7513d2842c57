#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>

#include "muster/base/assert.h"
#include "muster/base/file.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"
#include "muster/testing/temp_dir.h"

// How a responder ends that never came to serve.
namespace muster::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Answers nobody.
class SilentServer {
 public:
  SilentServer() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    MUSTER_ASSERT(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                  0);
    MUSTER_ASSERT(::listen(fd_.get(), 16) == 0);
    MUSTER_ASSERT(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  /// Until somebody has asked.
  [[nodiscard]] bool wait_for_client() const {
    pollfd waiting{fd_.get(), POLLIN, 0};
    return ::poll(&waiting, 1, 30'000) == 1;
  }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/ca.crl";
  }

 private:
  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

TEST(ResponderEnd, TerminationWhileSourcesAreReadForTheFirstTimeIsPrompt) {
  const SilentServer server;
  const TempDir dir;
  CertificateSpec ca = ca_spec("CA");
  ca.at = SystemClock().now();
  make_self_signed(ca).write(dir, "ca");
  const char* const muster = std::getenv("MUSTER_BINARY");
  ASSERT_NE(muster, nullptr) << "set MUSTER_BINARY to the muster program";
  Daemon daemon({muster, "responder", "--listen", "127.0.0.1:0", "--ca", dir.file("ca.pem"),
                 "--crl", server.url(), "--unlisted", "good", "--key", dir.file("ca.key"),
                 "--store", dir.file("store")});
  ASSERT_TRUE(server.wait_for_client()) << daemon.output();
  daemon.send_signal(SIGTERM);
  const auto ended = daemon.wait(Milliseconds(20'000));
  ASSERT_TRUE(ended) << daemon.output();
  EXPECT_EQ(ended->exit_code, 0) << daemon.output();
  EXPECT_THAT(daemon.output(), HasSubstr("responder.stopping"));
  EXPECT_THAT(daemon.output(), HasSubstr("was read for the first time"));
  EXPECT_THAT(daemon.output(), Not(HasSubstr("listening on")));
}

}  // namespace
}  // namespace muster::testing
