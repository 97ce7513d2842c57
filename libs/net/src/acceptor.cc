#include "muster/net/acceptor.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

namespace muster::net {
namespace {

/// Connections accepted before others get their turn.
constexpr int kAcceptsPerTurn = 64;
/// The same while the loop does not keep up: who is in comes first.
constexpr int kAcceptsWhenBehind = 8;
/// The kernel keeps no longer queue than net.core.somaxconn, usually far below this.
constexpr int kAcceptsAtEnd = 65536;
constexpr Milliseconds kPause{100};
/// Turned away before it rests; a refusal costs about what 20 us of a core are worth.
constexpr int kRefusalsAtATime = 16;
constexpr Milliseconds kRestAfterRefusals{1};

}  // namespace

Acceptor::Acceptor(Loop& loop, Listener listener, Events events)
    : loop_(loop),
      listener_(std::move(listener)),
      address_(listener_->address()),
      events_(std::move(events)) {
  watch();
}

Acceptor::~Acceptor() {
  if (listener_) {
    loop_.remove(listener_->fd());
  }
  loop_.cancel(timer_);
}

void Acceptor::on_ready(std::uint32_t) noexcept {
  accept_some(loop_.is_behind() ? kAcceptsWhenBehind : kAcceptsPerTurn, kRefusalsAtATime);
  if (refused_ >= kRefusalsAtATime) {
    refused_ = 0;
    rest(kRestAfterRefusals);
  }
}

void Acceptor::accept_some(int most, int most_refused) {
  for (int i = 0; i < most && refused_ < most_refused; ++i) {
    UniqueFd fd(::accept4(listener_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      set_no_delay(fd.get());
      events_.accepted(std::move(fd));
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      pause();
      return;
    }
    if (errno != ECONNABORTED && errno != EINTR) {
      return;
    }
  }
}

void Acceptor::watch() {
  timer_ = 0;
  if (loop_.add(listener_->fd(), EPOLLIN, *this) == WatchResult::kNoRoom) {
    pause();
  }
}

void Acceptor::pause() {
  rest(kPause);
  events_.paused();
}

void Acceptor::rest(Milliseconds how_long) {
  loop_.remove(listener_->fd());
  if (timer_ == 0) {
    timer_ = loop_.after(how_long, [this] { watch(); });
  }
}

void Acceptor::finish() {
  if (listener_) {
    accept_some(kAcceptsAtEnd, kAcceptsAtEnd);
    loop_.remove(listener_->fd());
    loop_.cancel(timer_);
    timer_ = 0;
    listener_.reset();
  }
}

}  // namespace muster::net
