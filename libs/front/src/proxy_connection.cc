#include "proxy_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "proxy_header.h"

namespace muster::front {
namespace {

using tls::Io;

/// How often both directions are served before other connections get their turn.
constexpr int kRoundsPerTurn = 16;
/// How long a client may take to close after our goodbye: an early reset would destroy octets on
/// their way.
constexpr Milliseconds kGoodbyeTime{2000};
/// While draining: silence after an answer that ends a connection.
constexpr Milliseconds kDrainQuiet{500};

std::uint32_t events_for(Io state) {
  switch (state) {
    case Io::kWantRead:
      return EPOLLIN;
    case Io::kWantWrite:
      return EPOLLOUT;
    case Io::kDone:
    case Io::kClosed:
    case Io::kFailed:
      break;
  }
  return 0;
}

void erase_front(Buffer& buffer, std::size_t count) {
  if (count == buffer.size()) {
    buffer = Buffer();
  } else {
    buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
  }
}

void reset_on_close(int fd) {
  const ::linger reset{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

}  // namespace

void ProxyConnection::Side::watch(std::uint32_t events) {
  if (events == watched) {
    return;
  }
  net::Loop& loop = owner.shared_.loop;
  if (watched == 0) {
    if (loop.add(fd.get(), events, *this) == net::WatchResult::kNoRoom) {
      return;  // the connection ends at its deadline
    }
  } else if (events == 0) {
    loop.remove(fd.get());
  } else {
    loop.modify(fd.get(), events, *this);
  }
  watched = events;
}

void ProxyConnection::Side::reset() {
  watch(0);
  fd.reset();
}

ProxyConnection::ProxyConnection(WorkerShared& shared)
    : shared_(shared),
      client_(*this),
      upstream_(*this),
      deadline_(shared.loop, [this] { on_deadline(); }) {}

ProxyConnection::~ProxyConnection() {
  session_.reset();
  client_.reset();
  upstream_.reset();
  shared_.loop.cancel(again_);
}

void ProxyConnection::open(UniqueFd client) {
  client_.fd = std::move(client);
  session_.emplace(shared_.context, client_.fd.get());
  stage_ = Stage::kHandshake;
  client_ended_ = upstream_ended_ = is_upstream_told_ = false;
  had_answer_last_ = true;
  read_waits_for_ = EPOLLIN;
  write_waits_for_ = EPOLLOUT;
  deadline_.set_after(shared_.options.limits.handshake_timeout);
  client_.watch(EPOLLIN);
}

void ProxyConnection::close() {
  if (!is_open()) {
    return;
  }
  session_.reset();
  client_.reset();
  upstream_.reset();
  deadline_.clear();
  shared_.loop.cancel(again_);
  again_ = 0;
  to_upstream_ = Buffer();
  to_client_ = Buffer();
  shared_.on_closed(*this);
}

void ProxyConnection::advance(Side& side) {
  if (stage_ == Stage::kConnect && &side == &client_) {
    client_.watch(0);  // not before it has something to say: most clients wait longer than that
    return;
  }
  switch (stage_) {
    case Stage::kHandshake:
      shake_hands();
      return;
    case Stage::kFirstOctets:
      read_first_octets();
      return;
    case Stage::kConnect:
      finish_connect();
      return;
    case Stage::kRelay:
      relay();
      return;
    case Stage::kGoodbye:
      discard();
      return;
  }
}

void ProxyConnection::shake_hands() {
  const Io state = session_->handshake();
  switch (state) {
    case Io::kDone:
      shared_.stats.handshakes.fetch_add(1, std::memory_order_relaxed);
      if (shared_.options.connect == ConnectUpstream::kWithFirstOctets) {
        await_first_octets();
      } else {
        begin_connect({});
      }
      return;
    case Io::kWantRead:
    case Io::kWantWrite:
      client_.watch(events_for(state));
      return;
    case Io::kClosed:
    case Io::kFailed:
      shared_.stats.handshake_failures.fetch_add(1, std::memory_order_relaxed);
      shared_.logger.log(LogLevel::kDebug, "front.handshake_failed", "a TLS handshake failed",
                         {{"reason", session_->error()}, {"name", session_->server_name()}});
      close();
      return;
  }
}

void ProxyConnection::await_first_octets() {
  stage_ = Stage::kFirstOctets;
  set_idle_deadline();
  // What came with the end of the handshake is in the session: the socket does not announce it.
  read_first_octets();
}

void ProxyConnection::read_first_octets() {
  const tls::IoResult result = session_->read(shared_.scratch);
  switch (result.state) {
    case Io::kDone:
      had_answer_last_ = false;
      begin_connect(Bytes(shared_.scratch).first(result.bytes));
      return;
    case Io::kWantRead:
    case Io::kWantWrite:
      client_.watch(events_for(result.state));
      return;
    case Io::kClosed:
      say_goodbye();
      return;
    case Io::kFailed:
      shared_.stats.cut_connections.fetch_add(1, std::memory_order_relaxed);
      close();
      return;
  }
}

void ProxyConnection::begin_connect(Bytes first) {
  auto fd = net::start_connect(shared_.upstream);
  if (!fd) {
    fail_upstream("front.upstream_failed", "the upstream cannot be reached", fd.error().os_error);
    return;
  }
  upstream_.fd = *std::move(fd);
  to_upstream_ = make_proxy_header(shared_.options.proxy_protocol, client_.fd.get());
  to_upstream_.insert(to_upstream_.end(), first.begin(), first.end());
  stage_ = Stage::kConnect;
  upstream_.watch(EPOLLOUT);
  deadline_.set_after(shared_.options.limits.connect_timeout);
}

void ProxyConnection::finish_connect() {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(upstream_.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
    fail_upstream("front.upstream_failed", "the upstream cannot be reached", error);
    return;
  }
  stage_ = Stage::kRelay;
  set_idle_deadline();
  relay();
}

void ProxyConnection::fail_upstream(const char* event, const char* message, int os_error) {
  shared_.stats.upstream_failures.fetch_add(1, std::memory_order_relaxed);
  shared_.logger.log(LogLevel::kWarning, event, message,
                     {{"upstream", shared_.options.upstream},
                      {"reason", os_error == 0 ? "timeout" : std::strerror(os_error)}});
  say_goodbye();
}

void ProxyConnection::relay() {
  shared_.loop.cancel(again_);
  again_ = 0;
  bool has_moved = false;
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    const Progress up = move_to_upstream();
    const Progress down = up == Progress::kOver ? Progress::kOver : move_to_client();
    if (down == Progress::kOver) {
      return;
    }
    if (up == Progress::kNone && down == Progress::kNone) {
      if (has_moved) {
        set_idle_deadline();
      }
      watch_relay();
      return;
    }
    has_moved = true;
  }
  set_idle_deadline();
  watch_relay();
  // The session may hold octets that the socket does not announce.
  again_ = shared_.loop.after(Milliseconds(0), [this] {
    again_ = 0;
    relay();
  });
}

ProxyConnection::Progress ProxyConnection::move_to_upstream() {
  if (!to_upstream_.empty()) {
    return send_to_upstream();
  }
  if (client_ended_) {
    if (!is_upstream_told_) {
      is_upstream_told_ = true;
      ::shutdown(upstream_.fd.get(), SHUT_WR);
    }
    return Progress::kNone;
  }
  const tls::IoResult result = session_->read(shared_.scratch);
  switch (result.state) {
    case Io::kDone: {
      had_answer_last_ = false;
      const ssize_t sent =
          ::send(upstream_.fd.get(), shared_.scratch.data(), result.bytes, MSG_NOSIGNAL);
      const std::size_t taken = sent < 0 ? 0 : static_cast<std::size_t>(sent);
      to_upstream_.assign(shared_.scratch.begin() + static_cast<std::ptrdiff_t>(taken),
                          shared_.scratch.begin() + static_cast<std::ptrdiff_t>(result.bytes));
      if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        // It closed its side; what it said before must still reach the client.
        to_upstream_ = Buffer();
        client_ended_ = is_upstream_told_ = true;
      }
      return Progress::kSome;
    }
    case Io::kWantRead:
    case Io::kWantWrite:
      read_waits_for_ = events_for(result.state);
      return Progress::kNone;
    case Io::kClosed:
      client_ended_ = true;
      return Progress::kSome;
    case Io::kFailed:
      // Cut without goodbye: the upstream must not take the part for the whole.
      shared_.stats.cut_connections.fetch_add(1, std::memory_order_relaxed);
      reset_on_close(upstream_.fd.get());
      close();
      return Progress::kOver;
  }
  return Progress::kNone;
}

ProxyConnection::Progress ProxyConnection::send_to_upstream() {
  const ssize_t sent =
      ::send(upstream_.fd.get(), to_upstream_.data(), to_upstream_.size(), MSG_NOSIGNAL);
  if (sent >= 0) {
    erase_front(to_upstream_, static_cast<std::size_t>(sent));
    return Progress::kSome;
  }
  if (errno != EAGAIN && errno != EINTR) {
    to_upstream_ = Buffer();
    client_ended_ = is_upstream_told_ = true;
    return Progress::kSome;
  }
  return Progress::kNone;
}

ProxyConnection::Progress ProxyConnection::move_to_client() {
  if (!to_client_.empty()) {
    return send_to_client();
  }
  if (upstream_ended_) {
    say_goodbye();
    return Progress::kOver;
  }
  const ssize_t count =
      ::recv(upstream_.fd.get(), shared_.scratch.data(), shared_.scratch.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    return Progress::kNone;
  }
  if (count < 0) {
    // Cut by the upstream: no goodbye, so that the client does not take the part for the whole.
    shared_.stats.cut_connections.fetch_add(1, std::memory_order_relaxed);
    close();
    return Progress::kOver;
  }
  if (count == 0) {
    upstream_ended_ = true;
    return Progress::kSome;
  }
  had_answer_last_ = true;
  to_client_.assign(shared_.scratch.begin(), shared_.scratch.begin() + count);
  return send_to_client();
}

ProxyConnection::Progress ProxyConnection::send_to_client() {
  std::size_t sent = 0;
  tls::IoResult result{Io::kDone};
  while (sent < to_client_.size() && result.state == Io::kDone) {
    result = session_->write(Bytes(to_client_).subspan(sent));
    sent += result.bytes;
  }
  if (result.state == Io::kFailed || result.state == Io::kClosed) {
    shared_.stats.cut_connections.fetch_add(1, std::memory_order_relaxed);
    reset_on_close(upstream_.fd.get());
    close();
    return Progress::kOver;
  }
  write_waits_for_ = events_for(result.state);
  erase_front(to_client_, sent);
  return sent != 0 ? Progress::kSome : Progress::kNone;
}

void ProxyConnection::watch_relay() {
  std::uint32_t client = 0;
  std::uint32_t upstream = 0;
  if (to_upstream_.empty()) {
    client |= client_ended_ ? 0U : read_waits_for_;
  } else {
    upstream |= EPOLLOUT;
  }
  if (to_client_.empty()) {
    upstream |= upstream_ended_ ? 0U : EPOLLIN;
  } else {
    client |= write_waits_for_;
  }
  client_.watch(client);
  upstream_.watch(upstream);
}

void ProxyConnection::say_goodbye() {
  session_->say_goodbye();
  ::shutdown(client_.fd.get(), SHUT_WR);
  upstream_.reset();
  shared_.loop.cancel(again_);
  again_ = 0;
  stage_ = Stage::kGoodbye;
  deadline_.set_after(kGoodbyeTime);
  client_.watch(EPOLLIN);
}

void ProxyConnection::discard() {
  const ssize_t count = ::recv(client_.fd.get(), shared_.scratch.data(), shared_.scratch.size(), 0);
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
    close();
  }
}

void ProxyConnection::set_idle_deadline() {
  const bool is_quiet = had_answer_last_ && to_client_.empty() && to_upstream_.empty();
  deadline_.set_after(shared_.is_draining && is_quiet ? kDrainQuiet
                                                      : shared_.options.limits.idle_timeout);
}

void ProxyConnection::drain() {
  if (stage_ == Stage::kRelay || stage_ == Stage::kFirstOctets) {
    set_idle_deadline();
  }
}

void ProxyConnection::on_deadline() {
  const auto count = [](std::atomic<std::uint64_t>& counter) {
    counter.fetch_add(1, std::memory_order_relaxed);
  };
  switch (stage_) {
    case Stage::kHandshake:
      count(shared_.stats.handshake_timeouts);
      close();
      return;
    case Stage::kConnect:
      count(shared_.stats.upstream_timeouts);
      fail_upstream("front.upstream_timeout", "the upstream does not take connections", 0);
      return;
    case Stage::kFirstOctets:
    case Stage::kRelay:
      if (!shared_.is_draining) {
        count(shared_.stats.idle_timeouts);
      }
      say_goodbye();
      return;
    case Stage::kGoodbye:
      close();
      return;
  }
}

}  // namespace muster::front
