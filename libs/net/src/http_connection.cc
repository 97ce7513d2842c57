#include "http_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "http_reply.h"
#include "muster/http/response.h"

namespace muster::net {
namespace {

using Progress = http::RequestParser::Progress;

/// How long a refused peer may go on sending before the connection is cut: an early reset would
/// destroy the answer on its way.
constexpr Milliseconds kLingerTime{2000};
/// While draining, how long a new connection may take to send its first request.
constexpr Milliseconds kDrainFirstRequest{1000};
/// How long a deferred reply is waited for on behalf of a peer that ended its side. Most are gone;
/// some close their side behind the request and read on.
constexpr Milliseconds kEndedPeerPatience{2000};

}  // namespace

std::string_view HttpShared::date_line() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != date_second_) {
    date_second_ = now.tv_sec;
    date_line_ = "Date: " + format_http_date(unix_seconds(now.tv_sec)) + "\r\n";
  }
  return date_line_;
}

HttpConnection::HttpConnection(HttpShared& shared)
    : shared_(shared),
      parser_({.max_target_bytes = shared.limits.max_target_bytes,
               .max_header_bytes = shared.limits.max_header_bytes,
               .max_body_bytes = shared.limits.max_body_bytes}),
      deadline_(shared.loop, [this] { on_deadline(); }) {}

HttpConnection::~HttpConnection() {
  shared_.loop.remove(fd_.get());
  let_go_of_reply();
}

void HttpConnection::open(UniqueFd fd) {
  fd_ = std::move(fd);
  peer_ = peer_of(fd_.get());
  parser_.reset();
  closes_after_output_ = lingers_after_output_ = continue_sent_ = has_had_request_ =
      peer_has_ended_ = false;
  bump(shared_.stats.open_connections);
  if (shared_.loop.add(fd_.get(), EPOLLIN, *this) == WatchResult::kNoRoom) {
    close();
    return;
  }
  watched_ = EPOLLIN;
  enter(Phase::kIdle, shared_.is_draining ? kDrainFirstRequest : shared_.limits.idle_timeout);
}

void HttpConnection::close() {
  if (!fd_) {
    return;
  }
  shared_.loop.remove(fd_.get());
  fd_.reset();
  let_go_of_reply();
  deadline_.clear();
  pending_input_ = Buffer();
  pending_output_ = Buffer();
  account();
  bump(shared_.stats.open_connections, -1);
  shared_.on_closed(*this);
}

void HttpConnection::on_ready(std::uint32_t events) noexcept {
  if (phase_ == Phase::kWriting) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
      close();
    } else {
      write_pending();
    }
    return;
  }
  if (phase_ == Phase::kLingering) {
    discard_input();
    return;
  }
  if (phase_ == Phase::kWaiting) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
      bump(shared_.stats.gone_waiting);
      close();
    } else if (watched_ == EPOLLIN) {
      watch(EPOLLRDHUP);  // more requests, or its end: of these only the end matters now
    } else {
      note_peer_end();
    }
    return;
  }
  read_input();
}

void HttpConnection::read_input() {
  const ssize_t count = ::recv(fd_.get(), shared_.input.data(), shared_.input.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (count <= 0) {
    close();
    return;
  }
  const std::span<std::uint8_t> fresh(shared_.input.data(), static_cast<std::size_t>(count));
  if (pending_input_.empty()) {
    consume(fresh);
  } else {
    pending_input_.insert(pending_input_.end(), fresh.begin(), fresh.end());
    consume(pending_input_);
  }
}

void HttpConnection::discard_input() {
  const ssize_t count = ::recv(fd_.get(), shared_.input.data(), shared_.input.size(), 0);
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
    close();
  }
}

/// Answers all complete requests of `input` (the shared buffer, or pending_input_), sends the
/// answers, keeps what is left.
void HttpConnection::consume(std::span<std::uint8_t> input) {
  std::span<std::uint8_t> rest = input;
  for (;;) {
    shared_.output.clear();
    rest = answer_requests(rest);
    if (!fd_) {
      return;
    }
    // More answers than the limit allows to collect, or all that can be made of the input.
    const bool has_more = shared_.output.size() >= shared_.limits.max_pipeline_bytes &&
                          !rest.empty() && !closes_after_output_ && link_ == nullptr;
    const Flushed flushed = flush(shared_.output);
    if (flushed == Flushed::kClosed) {
      return;
    }
    if (flushed == Flushed::kPaused || !has_more) {
      keep_rest(rest);
      if (flushed == Flushed::kAll && link_ != nullptr) {
        wait_for_reply();
      }
      return;
    }
  }
}

std::span<std::uint8_t> HttpConnection::answer_requests(std::span<std::uint8_t> input) {
  Progress progress = Progress::kNeedHead;
  while (!input.empty() && !closes_after_output_ &&
         shared_.output.size() < shared_.limits.max_pipeline_bytes) {
    progress = parser_.parse(input);
    if (progress == Progress::kComplete) {
      answer(parser_.request());
      input = input.subspan(parser_.consumed());
      parser_.reset();
      continue_sent_ = false;
      phase_ = Phase::kIdle;  // the next request's deadlines are its own
      progress = Progress::kNeedHead;
      if (link_ != nullptr) {
        return input;  // what follows waits for the answer to this one
      }
      continue;
    }
    if (progress == Progress::kTls) {
      bump(shared_.stats.tls_on_plain_port);
      close();
      return {};
    }
    if (progress == Progress::kRefused) {
      refuse(parser_.refusal_status());
    } else if (progress == Progress::kNeedBody && parser_.wants_continue() && !continue_sent_) {
      continue_sent_ = true;
      constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      shared_.output.insert(shared_.output.end(), kContinue.begin(), kContinue.end());
    }
    break;
  }
  settle(input.size(), progress);
  return input;
}

/// Which phase the connection is in while it waits for more input. A phase's deadline starts when
/// it begins: octets that trickle in do not move it.
void HttpConnection::settle(std::size_t unread_bytes, Progress progress) {
  if (unread_bytes == 0) {
    enter(Phase::kIdle, shared_.limits.idle_timeout);
  } else if (progress == Progress::kNeedBody && phase_ != Phase::kBody) {
    enter(Phase::kBody, shared_.limits.body_timeout);
  } else if (progress == Progress::kNeedHead && phase_ != Phase::kHeader) {
    enter(Phase::kHeader, shared_.limits.header_timeout);
  }
}

void HttpConnection::answer(const http::RequestView& request) {
  bump(shared_.stats.requests);
  has_had_request_ = true;
  const bool stays = request.keep_alive && !shared_.is_draining;
  closes_after_output_ = !stays;
  deferred_is_head_ = request.method == http::Method::kHead;
  deferred_stays_ = stays;
  deferred_version_minor_ = request.version_minor;
  Reply reply(shared_, shared_.output, deferred_is_head_,
              connection_line(stays, request.version_minor), this);
  http::RequestView with_peer = request;
  with_peer.peer = peer_;
  shared_.handled = this;
  shared_.handler.handle(with_peer, reply);
  shared_.handled = nullptr;
  if (!reply.is_sent()) {
    reply.send(500, {}, {}, {});
  }
}

std::shared_ptr<ReplyLink> HttpConnection::defer() {
  bump(shared_.stats.deferred);
  closes_after_output_ = false;  // what was answered before goes out, and the connection waits
  link_ = std::make_shared<ReplyLink>(ReplyLink{this});
  return link_;
}

void HttpConnection::let_go_of_reply() {
  if (link_ != nullptr) {
    link_->connection = nullptr;
    link_.reset();
  }
}

/// Reads nothing until the reply is there; the end of the connection is noticed all the same. Most
/// peers send nothing meanwhile: input is watched until there is some, which spares two system
/// calls.
void HttpConnection::wait_for_reply() {
  watch(EPOLLIN);
  enter(Phase::kWaiting, shared_.limits.reply_timeout);
}

void HttpConnection::note_peer_end() {
  peer_has_ended_ = true;
  watch(0);  // it would be told again and again
  enter(Phase::kWaiting, std::min(kEndedPeerPatience, shared_.limits.reply_timeout));
}

void HttpConnection::watch(std::uint32_t events) {
  if (events != watched_) {
    watched_ = events;
    shared_.loop.modify(fd_.get(), events, *this);
  }
}

void HttpConnection::deliver(Bytes output, bool stays) {
  let_go_of_reply();
  closes_after_output_ = !stays;
  if (phase_ == Phase::kWriting) {  // answers before this one are still on their way
    pending_output_.insert(pending_output_.end(), output.begin(), output.end());
    account();
    return;
  }
  watch(EPOLLIN);
  phase_ = Phase::kIdle;
  shared_.output.assign(output.begin(), output.end());
  if (flush(shared_.output) == Flushed::kAll) {
    consume(pending_input_);
  }
}

void HttpConnection::refuse(unsigned status) {
  bump(status == 413 || status == 414 || status == 431 ? shared_.stats.too_large
                                                       : shared_.stats.bad_requests);
  closes_after_output_ = lingers_after_output_ = true;
  Reply reply(shared_, shared_.output, false, "Connection: close\r\n");
  const std::string_view phrase = http::reason_phrase(status);
  reply.send(status, "text/plain", {}, as_bytes(phrase));
}

void HttpConnection::keep_rest(std::span<std::uint8_t> rest) {
  if (rest.empty()) {
    if (pending_input_.capacity() != 0) {
      pending_input_ = Buffer();
    }
  } else if (pending_input_.empty()) {
    pending_input_.assign(rest.begin(), rest.end());
  } else {
    const auto taken = static_cast<std::ptrdiff_t>(pending_input_.size() - rest.size());
    pending_input_.erase(pending_input_.begin(), pending_input_.begin() + taken);
  }
  account();
}

void HttpConnection::account() {
  const std::size_t now = pending_input_.capacity() + pending_output_.capacity();
  if (now == buffered_) {
    return;
  }
  const bool grew = now > buffered_;
  bump(shared_.stats.buffered_bytes,
       static_cast<std::int64_t>(now) - static_cast<std::int64_t>(buffered_));
  buffered_ = now;
  if (grew && shared_.stats.buffered_bytes.load(std::memory_order_relaxed) >
                  shared_.limits.max_buffered_bytes) {
    shared_.on_full(*this);
  }
}

std::optional<MonotonicTime> HttpConnection::waits_for_peer_since() const {
  return fd_ && phase_ != Phase::kWaiting ? std::optional(phase_since_) : std::nullopt;
}

/// Sends `output`. What the socket does not take waits in pending_output_, and nothing is read
/// until it has gone.
HttpConnection::Flushed HttpConnection::flush(Buffer& output) {
  std::size_t sent = 0;
  while (sent < output.size()) {
    const ssize_t count =
        ::send(fd_.get(), output.data() + sent, output.size() - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      close();
      return Flushed::kClosed;
    }
  }
  if (sent < output.size()) {
    if (&output == &pending_output_) {
      output.erase(output.begin(), output.begin() + static_cast<std::ptrdiff_t>(sent));
    } else {
      pending_output_.assign(output.begin() + static_cast<std::ptrdiff_t>(sent), output.end());
      bump(shared_.stats.pipeline_pauses);
      watch(EPOLLOUT);
      account();
    }
    if (sent != 0 || phase_ != Phase::kWriting) {
      enter(Phase::kWriting, shared_.limits.write_timeout);
    }
    return Flushed::kPaused;
  }
  if (lingers_after_output_) {
    linger();
    return Flushed::kClosed;
  }
  if (closes_after_output_) {
    close();
    return Flushed::kClosed;
  }
  return Flushed::kAll;
}

void HttpConnection::write_pending() {
  if (flush(pending_output_) != Flushed::kAll) {
    return;
  }
  pending_output_ = Buffer();
  account();
  if (link_ != nullptr) {
    wait_for_reply();
    return;
  }
  watch(EPOLLIN);
  if (shared_.is_draining && pending_input_.empty()) {
    close();
    return;
  }
  phase_ = Phase::kIdle;  // consume() decides anew
  consume(pending_input_);
}

void HttpConnection::linger() {
  ::shutdown(fd_.get(), SHUT_WR);
  pending_input_ = Buffer();
  pending_output_ = Buffer();
  account();
  watch(EPOLLIN);
  enter(Phase::kLingering, kLingerTime);
}

void HttpConnection::drain() {
  if (phase_ == Phase::kIdle) {
    read_input();  // answers requests that arrived already, and closes after them
  }
  if (fd_ && phase_ == Phase::kIdle && has_had_request_) {
    close();
  } else if (fd_ && phase_ == Phase::kIdle) {
    enter(Phase::kIdle, kDrainFirstRequest);
  }
}

void HttpConnection::enter(Phase phase, Milliseconds timeout) {
  phase_ = phase;
  phase_since_ = shared_.loop.now();
  deadline_.set_after(timeout);
}

void HttpConnection::on_deadline() {
  switch (phase_) {
    case Phase::kIdle:
      bump(shared_.stats.idle_closes);
      close();
      return;
    case Phase::kHeader:
    case Phase::kBody: {
      bump(phase_ == Phase::kHeader ? shared_.stats.header_timeouts : shared_.stats.body_timeouts);
      closes_after_output_ = lingers_after_output_ = true;
      shared_.output.clear();
      Reply reply(shared_, shared_.output, false, "Connection: close\r\n");
      reply.send(408, {}, {}, {});
      flush(shared_.output);
      return;
    }
    case Phase::kWaiting:
      if (peer_has_ended_) {
        bump(shared_.stats.gone_waiting);
        close();
        return;
      }
      bump(shared_.stats.reply_timeouts);
      deferred_stays_ = false;
      finish([](HttpReply& reply) { reply.send(503, {}, "Retry-After: 1\r\n", {}); });
      return;
    case Phase::kWriting: {
      bump(shared_.stats.write_timeouts);
      const ::linger reset{1, 0};  // the peer takes nothing: do not keep its octets in the kernel
      ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      close();
      return;
    }
    case Phase::kLingering:
      close();
      return;
  }
}

}  // namespace muster::net
