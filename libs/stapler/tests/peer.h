#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "muster/net/address.h"

namespace muster::stapler::testing_staples {

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
