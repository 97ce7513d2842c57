#include "control_socket.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace muster::stapler {
namespace {

std::string os_text(int error) {
  char text[128];
  return ::strerror_r(error, text, sizeof text);
}

}  // namespace

struct ControlSocket::Impl : net::FdHandler, std::enable_shared_from_this<Impl> {
  Impl(net::Loop& l, net::SocketAddress a, Milliseconds t)
      : loop(l), address(std::move(a)), timeout(t) {}

  net::Loop& loop;
  const net::SocketAddress address;
  const Milliseconds timeout;
  UniqueFd fd;
  std::string question;
  std::size_t sent = 0;
  std::string answer;
  std::function<void(const Answer&)> done;  ///< set while asking
  std::optional<net::TimerId> timer;

  void begin() {
    auto connecting = net::start_connect(address);
    if (!connecting) {
      fail_later(net::to_string(connecting.error()));
      return;
    }
    fd = *std::move(connecting);
    if (loop.add(fd.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP, *this) != net::WatchResult::kWatched) {
      fd.reset();
      fail_later("the kernel has no room to watch one more socket");
      return;
    }
    timer = loop.after(timeout, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->timer.reset();
        self->finish(Err{self->where() + " did not answer within " +
                         std::to_string(self->timeout.count()) + " ms"});
      }
    });
  }

  void fail_later(std::string why) {
    timer = loop.after(Milliseconds(0), [weak = weak_from_this(), why = std::move(why)] {
      if (const auto self = weak.lock()) {
        self->timer.reset();
        self->finish(Err{why});
      }
    });
  }

  [[nodiscard]] std::string where() const { return "'" + address.text() + "'"; }

  void on_ready(std::uint32_t) noexcept override {
    const auto self = shared_from_this();  // `done` may drop us
    if (sent < question.size() && !send_some()) {
      return;
    }
    receive_some();
  }

  /// False when it ended.
  bool send_some() {
    while (sent < question.size()) {
      const ::ssize_t n = ::send(fd.get(), question.data() + sent, question.size() - sent,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0) {
        if (errno == EAGAIN || errno == EINTR || errno == ENOTCONN) {
          return true;
        }
        // What the server said before it hung up is worth more than that it did.
        if (errno == EPIPE || errno == ECONNRESET) {
          return receive_some();
        }
        finish(
            Err{"cannot talk to " + where() + ": " + os_text(errno) + " (does the server run?)"});
        return false;
      }
      sent += static_cast<std::size_t>(n);
    }
    loop.modify(fd.get(), EPOLLIN | EPOLLRDHUP, *this);
    return true;
  }

  bool receive_some() {
    for (;;) {
      std::array<char, 4096> piece;
      const ::ssize_t n = ::recv(fd.get(), piece.data(), piece.size(), MSG_DONTWAIT);
      if (n < 0) {
        if (errno == EAGAIN || errno == EINTR || errno == ENOTCONN) {
          return true;
        }
        finish(
            Err{"cannot talk to " + where() + ": " + os_text(errno) + " (does the server run?)"});
        return false;
      }
      if (n == 0) {
        if (answer.empty()) {
          finish(Err{where() + " closed without an answer"});
        } else {
          finish(Answer(std::string(answer)));
        }
        return false;
      }
      answer.append(piece.data(), static_cast<std::size_t>(n));
      if (answer.size() > kMaxAnswerBytes) {
        finish(Err{where() + " answered with more than " + std::to_string(kMaxAnswerBytes) +
                   " octets"});
        return false;
      }
    }
  }

  void finish(const Answer& result) {
    if (fd) {
      loop.remove(fd.get());
      fd.reset();
    }
    if (timer) {
      loop.cancel(*timer);
      timer.reset();
    }
    const auto action = std::exchange(done, {});
    action(result);
  }
};

ControlSocket::ControlSocket(net::Loop& loop, net::SocketAddress address, Milliseconds timeout)
    : impl_(std::make_shared<Impl>(loop, std::move(address), timeout)) {}

ControlSocket::~ControlSocket() {
  if (impl_->fd) {
    impl_->loop.remove(impl_->fd.get());
    impl_->fd.reset();
  }
  if (impl_->timer) {
    impl_->loop.cancel(*impl_->timer);
    impl_->timer.reset();
  }
}

void ControlSocket::ask(std::string question, std::function<void(const Answer&)> done) {
  impl_->question = std::move(question);
  impl_->sent = 0;
  impl_->answer.clear();
  impl_->done = std::move(done);
  impl_->begin();
}

bool ControlSocket::asking() const { return static_cast<bool>(impl_->done); }

}  // namespace muster::stapler
