#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "muster/net/address.h"

namespace muster::stapler::testing_staples {

/// What one of HAProxy's clients asks: a line, or a payload up to the empty line behind it. Empty:
/// the client went away.
inline std::string read_question(int fd) {
  std::string question;
  char piece[4096];
  while (!question.ends_with("\n\n") &&
         !(question.find("<<") == std::string::npos && question.ends_with('\n'))) {
    const ::ssize_t n = ::recv(fd, piece, sizeof piece, 0);
    if (n <= 0) {
      return {};
    }
    question.append(piece, static_cast<std::size_t>(n));
  }
  return question;
}

/// A server on a unix socket that answers as its script says.
class Peer {
 public:
  explicit Peer(const std::string& path, std::function<void(int fd)> serve)
      : listener_(*net::Listener::open("unix:" + path, 16)), thread_([this, serve] {
          for (;;) {
            ::pollfd ready = {listener_.fd(), POLLIN, 0};
            ::poll(&ready, 1, 20);
            if (ending_) {
              return;
            }
            const UniqueFd fd(::accept(listener_.fd(), nullptr, nullptr));
            if (fd) {
              serve(fd.get());
            }
          }
        }) {}
  ~Peer() {
    ending_ = true;
    thread_.join();
  }

 private:
  net::Listener listener_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace muster::stapler::testing_staples
