#include "socket_io.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace muster::probe {

Milliseconds left_until(MonotonicTime deadline) {
  const auto left = std::chrono::ceil<Milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::max(left, Milliseconds(0));
}

bool wait_until_ready(int fd, Readiness what, MonotonicTime deadline, AfterWait then) {
  pollfd p{fd, static_cast<short>(what == Readiness::kRead ? POLLIN : POLLOUT), 0};
  if (::poll(&p, 1, 0) > 0) {
    return true;  // nothing to wait for
  }
  const WhileWaiting others(then);
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

Result<Unit, IoError> send_all(int fd, std::string_view octets, MonotonicTime deadline,
                               AfterWait then) {
  while (!octets.empty()) {
    const ssize_t n = ::send(fd, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (n > 0) {
      octets.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      if (!wait_until_ready(fd, Readiness::kWrite, deadline, then)) {
        return Err{IoError{IoError::Kind::kTimeout}};
      }
    } else if (errno != EINTR) {
      return Err{IoError{IoError::Kind::kClosed, errno}};
    }
  }
  return Unit{};
}

Result<std::size_t, IoError> receive_some(int fd, std::span<std::uint8_t> into,
                                          MonotonicTime deadline, AfterWait then) {
  for (;;) {
    if (!wait_until_ready(fd, Readiness::kRead, deadline, then)) {
      return Err{IoError{IoError::Kind::kTimeout}};
    }
    const ssize_t n = ::recv(fd, into.data(), into.size(), 0);
    if (n > 0) {
      return static_cast<std::size_t>(n);
    }
    if (n == 0) {
      return Err{IoError{IoError::Kind::kClosed}};
    }
    if (errno != EAGAIN && errno != EINTR) {
      return Err{IoError{IoError::Kind::kClosed, errno}};
    }
  }
}

std::string reason_text(const IoError& error) {
  return error.os_error == 0 ? std::string() : ": " + std::string(std::strerror(error.os_error));
}

}  // namespace muster::probe
