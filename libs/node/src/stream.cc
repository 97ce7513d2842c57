#include "stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace muster::node {
namespace {

constexpr Milliseconds kFarewell{500};

MonotonicTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

Stream::Stream(UniqueFd fd, std::shared_ptr<const tls::ServerContext> tls) : fd_(std::move(fd)) {
  if (tls != nullptr) {
    session_.emplace(std::move(tls), fd_.get());
  }
}

StreamState Stream::wait(short events, MonotonicTime deadline, int waker) const {
  std::array<pollfd, 2> watched{{{fd_.get(), events, 0}, {waker, POLLIN, 0}}};
  for (;;) {
    const auto left = std::chrono::ceil<Milliseconds>(deadline - now()).count();
    const int count = ::poll(watched.data(), waker < 0 ? 1 : 2,
                             static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
    if (count < 0 && errno != EINTR) {
      return StreamState::kFailed;
    }
    if (count > 0) {
      return watched[0].revents != 0 ? StreamState::kOk : StreamState::kWoken;
    }
    if (now() >= deadline) {
      return StreamState::kTimedOut;
    }
  }
}

StreamState Stream::shake_hands(MonotonicTime deadline) {
  while (session_) {
    const tls::Io io = session_->handshake();
    if (io == tls::Io::kDone) {
      break;
    }
    if (io != tls::Io::kWantRead && io != tls::Io::kWantWrite) {
      return StreamState::kFailed;
    }
    if (const StreamState waited = wait(io == tls::Io::kWantRead ? POLLIN : POLLOUT, deadline);
        waited != StreamState::kOk) {
      return waited;
    }
  }
  return StreamState::kOk;
}

Stream::Read Stream::read(std::span<std::uint8_t> into, MonotonicTime deadline, int waker) {
  for (;;) {
    short events = POLLIN;
    if (session_) {
      const tls::IoResult result = session_->read(into);
      switch (result.state) {
        case tls::Io::kDone:
          return {StreamState::kOk, result.bytes};
        case tls::Io::kClosed:
          return {StreamState::kClosed};
        case tls::Io::kFailed:
          return {StreamState::kFailed};
        case tls::Io::kWantRead:
          break;
        case tls::Io::kWantWrite:
          events = POLLOUT;
          break;
      }
    } else {
      const ssize_t count = ::recv(fd_.get(), into.data(), into.size(), 0);
      if (count >= 0) {
        return {count == 0 ? StreamState::kClosed : StreamState::kOk,
                static_cast<std::size_t>(count)};
      }
      if (errno != EAGAIN && errno != EINTR) {
        return {StreamState::kFailed};
      }
    }
    if (const StreamState waited = wait(events, deadline, waker); waited != StreamState::kOk) {
      return {waited};
    }
  }
}

StreamState Stream::write(Bytes octets, Milliseconds patience) {
  while (!octets.empty()) {
    short events = POLLOUT;
    std::size_t sent = 0;
    if (session_) {
      const tls::IoResult result = session_->write(octets);
      if (result.state == tls::Io::kClosed || result.state == tls::Io::kFailed) {
        return StreamState::kFailed;
      }
      sent = result.bytes;
      events = result.state == tls::Io::kWantRead ? POLLIN : POLLOUT;
    } else {
      const ssize_t count = ::send(fd_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN && errno != EINTR) {
        return StreamState::kFailed;
      }
      sent = count < 0 ? 0 : static_cast<std::size_t>(count);
    }
    octets = octets.subspan(sent);
    if (sent == 0) {
      if (const StreamState waited = wait(events, now() + patience); waited != StreamState::kOk) {
        return waited;
      }
    }
  }
  return StreamState::kOk;
}

void Stream::finish() {
  if (session_) {
    static_cast<void>(session_->say_goodbye());
  }
  ::shutdown(fd_.get(), SHUT_WR);
  std::array<std::uint8_t, 4096> scratch;
  const MonotonicTime deadline = now() + kFarewell;
  while (wait(POLLIN, deadline) == StreamState::kOk &&
         ::recv(fd_.get(), scratch.data(), scratch.size(), 0) > 0) {
  }
}

}  // namespace muster::node
