#include "connect.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "lookup.h"
#include "muster/base/text.h"

namespace muster::probe {
namespace {

ProbeError timed_out(std::string doing) {
  return {ProbeErrc::kTimeout, "timed out " + std::move(doing)};
}

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

/// One attempt. Errors: errno; ETIMEDOUT also when `deadline` passed.
Result<UniqueFd, int> try_address(const addrinfo& address, MonotonicTime deadline) {
  UniqueFd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    return Err{int{errno}};
  }
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) {
    return fd;
  }
  if (errno != EINPROGRESS) {
    return Err{int{errno}};
  }
  if (!wait_until_ready(fd.get(), Readiness::kWrite, deadline)) {
    return Err{ETIMEDOUT};
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    return Err{int{error}};
  }
  return fd;
}

}  // namespace

Milliseconds left_until(MonotonicTime deadline) {
  const auto left = std::chrono::ceil<Milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::max(left, Milliseconds(0));
}

bool wait_until_ready(int fd, Readiness what, MonotonicTime deadline) {
  pollfd p{fd, static_cast<short>(what == Readiness::kRead ? POLLIN : POLLOUT), 0};
  for (;;) {
    const Milliseconds left = std::min(left_until(deadline), Milliseconds(3'600'000));
    const int ready = ::poll(&p, 1, static_cast<int>(left.count()));
    if (ready > 0) {
      return true;
    }
    if (ready == 0 || errno != EINTR) {
      return false;
    }
  }
}

bool is_address(const std::string& host) {
  in6_addr buffer{};
  const std::string without_zone = host.substr(0, host.find('%'));
  return ::inet_pton(AF_INET, host.c_str(), &buffer) == 1 ||
         ::inet_pton(AF_INET6, without_zone.c_str(), &buffer) == 1;
}

Result<Connection, ProbeError> connect_to(const std::string& host, std::uint16_t port,
                                          MonotonicTime deadline) {
  MUSTER_TRY(const AddressList addresses, look_up(host, port, deadline));
  long left = 0;
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next) {
    ++left;
  }
  std::string failures;
  int last_error = 0;
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next, --left) {
    // A silent address gets its share of the time, so that the next one still has a chance.
    const MonotonicTime share = std::chrono::steady_clock::now() + left_until(deadline) / left;
    auto fd = try_address(*a, share);
    if (fd) {
      return Connection{*std::move(fd), address_text(*a)};
    }
    last_error = fd.error();
    failures +=
        (failures.empty() ? "" : "; ") + address_text(*a) + ": " + std::strerror(last_error);
  }
  if (last_error == ETIMEDOUT && left_until(deadline).count() == 0) {
    return Err{timed_out("connecting to " + failures)};
  }
  return Err{ProbeError{ProbeErrc::kConnect, "cannot connect to " + failures}};
}

}  // namespace muster::probe
