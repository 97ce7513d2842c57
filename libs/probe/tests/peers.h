#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "connect.h"
#include "muster/base/assert.h"
#include "muster/probe/probe.h"
#include "muster/testing/process.h"
#include "muster/testing/response_builder.h"

// Whom the tests talk to: a real TLS server, and peers that do not behave.
namespace muster::probe {

/// A server of ours that misbehaves: takes one connection and hands it to `behave`.
class FakePeer {
 public:
  explicit FakePeer(std::function<void(int)> behave)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    MUSTER_ASSERT(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    MUSTER_ASSERT(::listen(listener_.get(), 1) == 0);
    MUSTER_ASSERT(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) ==
                  0);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this, behave = std::move(behave)] {
      const UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (fd) {
        behave(fd.get());
      }
    });
  }
  FakePeer(const FakePeer&) = delete;
  FakePeer& operator=(const FakePeer&) = delete;
  ~FakePeer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::uint16_t port = 0;

 private:
  UniqueFd listener_;
  std::thread thread_;
};

inline void wait_for_end(int fd) {
  char chunk[4096];
  while (::read(fd, chunk, sizeof chunk) > 0) {
  }
}

inline void send_text(int fd, std::string_view text) {
  static_cast<void>(::send(fd, text.data(), text.size(), MSG_NOSIGNAL));
}

/// Carries octets between `fd` and a server on a port of this machine until either closes.
inline void relay(int fd, std::uint16_t port) {
  const auto other = connect_to("127.0.0.1", port, std::chrono::steady_clock::now() + Seconds(10));
  if (!other) {
    return;
  }
  const auto deadline = std::chrono::steady_clock::now() + Seconds(30);
  for (;;) {
    pollfd both[] = {{fd, POLLIN, 0}, {other->fd.get(), POLLIN, 0}};
    if (::poll(both, 2, 30'000) <= 0) {
      return;
    }
    for (int from = 0; from < 2; ++from) {
      std::uint8_t chunk[4096];
      if (both[from].revents != 0) {
        const auto size = receive_some(both[from].fd, chunk, deadline);
        if (!size || !send_all(both[1 - from].fd, as_text(Bytes(chunk).first(*size)), deadline)) {
          return;
        }
      }
    }
  }
}

inline ProbeRequest request_to(std::uint16_t port) {
  ProbeRequest request;
  request.host = "leaf.example";
  request.connect_to = "127.0.0.1";
  request.port = port;
  return request;
}

/// openssl s_server with the standard PKI's leaf and whatever else a test wants.
struct OpensslServer {
  testing::TempDir dir;
  std::optional<testing::Daemon> daemon;
  std::uint16_t port = 0;
  Buffer staple;

  explicit OpensslServer(std::vector<std::string> more = {}, bool with_staple = true) {
    const testing::TestPki& pki = testing::standard_pki();
    staple = testing::build_good_response(pki.ocsp_signer, pki.leaf.certificate,
                                          pki.intermediate.certificate);
    pki.leaf.write(dir, "leaf");
    std::vector<std::string> command = {"openssl",     "s_server",
                                        "-accept",     "127.0.0.1:0",
                                        "-naccept",    "8",
                                        "-cert",       dir.file("leaf.pem"),
                                        "-key",        dir.file("leaf.key"),
                                        "-cert_chain", pki.intermediate.write(dir, "intermediate")};
    if (with_staple) {
      command.insert(command.end(), {"-status_file", dir.write("staple.der", staple)});
    }
    command.insert(command.end(), more.begin(), more.end());
    daemon.emplace(command);
    port = daemon->wait_for_port("ACCEPT").value_or(0);
    EXPECT_NE(port, 0) << daemon->output();
  }
};

}  // namespace muster::probe
