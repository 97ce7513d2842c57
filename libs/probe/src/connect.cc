#include "connect.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lookup.h"
#include "muster/base/text.h"
#include "muster/base/turns.h"

namespace muster::probe {
namespace {

std::string address_text(const addrinfo& address) {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (::getnameinfo(address.ai_addr, address.ai_addrlen, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "?";
  }
  return address.ai_family == AF_INET6 ? "[" + std::string(host) + "]:" + port
                                       : std::string(host) + ":" + port;
}

/// Families take turns, beginning with that of the first; within a family the order stays.
std::vector<const addrinfo*> in_turns(const addrinfo* addresses) {
  std::vector<const addrinfo*> of_first, others, order;
  for (const addrinfo* a = addresses; a != nullptr; a = a->ai_next) {
    (a->ai_family == addresses->ai_family ? of_first : others).push_back(a);
  }
  for (std::size_t i = 0; i < std::max(of_first.size(), others.size()); ++i) {
    for (const auto* family : {&of_first, &others}) {
      if (i < family->size()) {
        order.push_back((*family)[i]);
      }
    }
  }
  order.resize(std::min(order.size(), kMaxAddresses));
  return order;
}

/// Attempts beside each other; whoever connects first has won.
class Race {
 public:
  Race(std::vector<const addrinfo*> order, MonotonicTime deadline)
      : order_(std::move(order)),
        deadline_(deadline),
        delay_(std::min<Milliseconds>(
            kAttemptDelay, left_until(deadline) / static_cast<long>(order_.size() + 1))) {}

  Result<Connection, ProbeError> run() {
    for (;;) {
      while (next_ < order_.size() &&
             (running_.empty() || std::chrono::steady_clock::now() >= next_start_)) {
        start(*order_[next_++]);
        next_start_ = std::chrono::steady_clock::now() + delay_;
      }
      if (running_.empty()) {
        return Err{ProbeError{ProbeErrc::kConnect, "cannot connect to " + failures_text()}};
      }
      if (Attempt* winner = wait()) {
        for (const Attempt& attempt : running_) {
          if (&attempt != winner) {
            failures_.push_back({address_text(*attempt.address), "no answer so far"});
          }
        }
        return Connection{std::move(winner->fd), address_text(*winner->address),
                          std::move(failures_)};
      }
      if (left_until(deadline_).count() == 0) {
        for (const Attempt& attempt : running_) {
          failures_.push_back({address_text(*attempt.address), "timed out"});
        }
        return Err{ProbeError{ProbeErrc::kTimeout, "timed out connecting to " + failures_text()}};
      }
    }
  }

 private:
  struct Attempt {
    const addrinfo* address;
    UniqueFd fd;
  };

  void start(const addrinfo& address) {
    UniqueFd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd ||
        (::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0 && errno != EINPROGRESS)) {
      fail(address, errno);
      return;
    }
    running_.push_back({&address, std::move(fd)});
  }

  void fail(const addrinfo& address, int error) {
    failures_.push_back({address_text(address), std::strerror(error)});
  }

  /// Until an attempt ends or the next is due. The one that is connected, or null.
  Attempt* wait() {
    const MonotonicTime until =
        next_ < order_.size() ? std::min(next_start_, deadline_) : deadline_;
    std::vector<pollfd> polled;
    for (const Attempt& attempt : running_) {
      polled.push_back({attempt.fd.get(), POLLOUT, 0});
    }
    int ready = ::poll(polled.data(), polled.size(), 0);
    if (ready == 0) {
      const WhileWaiting others(AfterWait::kLittle);
      const Milliseconds left = std::min(left_until(until), Milliseconds(3'600'000));
      ready = ::poll(polled.data(), polled.size(), static_cast<int>(left.count()));
    }
    if (ready <= 0) {
      return nullptr;
    }
    for (std::size_t i = polled.size(); i-- > 0;) {  // from behind: failed ones are taken out
      if (polled[i].revents == 0) {
        continue;
      }
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(running_[i].fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error == 0) {
        return &running_[i];
      }
      fail(*running_[i].address, error);
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
      next_start_ = std::chrono::steady_clock::now();  // no reason to wait for the next
    }
    return nullptr;
  }

  [[nodiscard]] std::string failures_text() const {
    std::string text;
    for (const AddressFailure& failure : failures_) {
      text += (text.empty() ? "" : "; ") + failure.address + ": " + failure.reason;
    }
    return text;
  }

  const std::vector<const addrinfo*> order_;
  const MonotonicTime deadline_;
  const Milliseconds delay_;
  std::size_t next_ = 0;
  MonotonicTime next_start_{};
  std::vector<Attempt> running_;
  std::vector<AddressFailure> failures_;
};

}  // namespace

bool is_address(const std::string& host) {
  in6_addr buffer{};
  const std::string without_zone = host.substr(0, host.find('%'));
  return ::inet_pton(AF_INET, host.c_str(), &buffer) == 1 ||
         ::inet_pton(AF_INET6, without_zone.c_str(), &buffer) == 1;
}

Result<Connection, ProbeError> connect_to_any(const addrinfo* addresses, MonotonicTime deadline) {
  return Race(in_turns(addresses), deadline).run();
}

Result<Connection, ProbeError> connect_to(const std::string& host, std::uint16_t port,
                                          MonotonicTime deadline) {
  MUSTER_TRY(const AddressList addresses, look_up(host, port, deadline));
  return connect_to_any(addresses.get(), deadline);
}

Result<Connection, ProbeError> connect_to_unix(const std::string& path, MonotonicTime deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "unix:" + printable(path);
  if (path.empty() || path.size() >= sizeof address.sun_path ||
      path.find('\0') != std::string::npos) {
    return Err{ProbeError{ProbeErrc::kBadRequest,
                          name + " is no path of a unix socket, which has 1 to " +
                              std::to_string(sizeof address.sun_path - 1) + " octets"}};
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  const WhileWaiting others(AfterWait::kLittle);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // A full backlog is waited for by blocking: without, connect() gives up at once and poll() knows
  // nothing of it.
  const Milliseconds left = std::max(left_until(deadline), Milliseconds(1));
  const timeval patience{static_cast<time_t>(left.count() / 1000),
                         static_cast<suseconds_t>(left.count() % 1000 * 1000)};
  const bool connected =
      fd && ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0;
  if (connected) {
    return Connection{std::move(fd), "unix:" + path};
  }
  if (errno == EAGAIN) {
    return Err{ProbeError{ProbeErrc::kTimeout, "timed out connecting to " + name}};
  }
  return Err{
      ProbeError{ProbeErrc::kConnect, "cannot connect to " + name + ": " + std::strerror(errno)}};
}

}  // namespace muster::probe
