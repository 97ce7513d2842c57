#include "control_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "muster/base/thread.h"
#include "muster/http/response.h"

namespace muster::node {
namespace {

using Progress = http::RequestParser::Progress;

constexpr std::size_t kReadBytes = 16 * 1024;
/// Out of descriptors or threads: others get a moment to end.
constexpr Milliseconds kPause{100};

MonotonicTime in(Milliseconds delay) { return std::chrono::steady_clock::now() + delay; }

void send_status(Stream& stream, unsigned status, Milliseconds patience) {
  Buffer out;
  const std::string_view phrase = http::reason_phrase(status);
  http::append_head(
      out, status, "text/plain",
      status == 503 ? "Retry-After: 1\r\nConnection: close\r\n\r\n" : "Connection: close\r\n\r\n",
      phrase.size());
  out.insert(out.end(), phrase.begin(), phrase.end());
  stream.write(out, patience);
}

/// For Seats: who has connected, as far as that is known before a word was said.
std::string place_of(int fd, bool is_unix) {
  if (!is_unix) {
    return "address " + net::peer_of(fd).text();
  }
  ucred credentials{};
  socklen_t size = sizeof credentials;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0
             ? "uid " + std::to_string(credentials.uid)
             : "unix";
}

ControlPeer peer_of(const Stream& stream, bool is_unix) {
  ControlPeer peer;
  if (is_unix) {
    peer.way = ControlPeer::Way::kUnix;
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(stream.fd(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
      peer.facts.uid = credentials.uid;
      peer.facts.gid = credentials.gid;
      peer.text = "uid " + std::to_string(credentials.uid) + ", gid " +
                  std::to_string(credentials.gid) + ", pid " + std::to_string(credentials.pid);
    }
    return peer;
  }
  peer.address = net::peer_of(stream.fd());
  peer.text = "address " + peer.address.text();
  if (stream.session() != nullptr) {
    peer.way = ControlPeer::Way::kTls;
    if (const auto identity = stream.session()->peer()) {
      peer.facts.names = identity->names;
      peer.facts.names.push_back("subject:" + identity->certificate.subject_text());
      peer.facts.names.push_back("sha256:" + to_hex(identity->certificate.fingerprint()));
      peer.text = peer.facts.names.front();
      peer.certificate = identity->certificate;
    }
  }
  return peer;
}

}  // namespace

Result<std::unique_ptr<ControlServer>, net::NetError> ControlServer::listen(
    std::string name, const std::vector<std::string>& addresses,
    std::shared_ptr<const tls::ServerContext> tls, ::mode_t socket_mode,
    const ControlLimits& limits, ControlHandler& handler, ControlStats& stats, Logger& logger) {
  auto server = std::unique_ptr<ControlServer>(
      new ControlServer(std::move(name), limits, handler, stats, logger));
  for (const std::string& address : addresses) {
    MUSTER_TRY(net::Listener listener, net::Listener::open(address, 64));
    server->addresses_.push_back(listener.address());
    if (address.starts_with("unix:") && ::chmod(address.c_str() + 5, socket_mode) != 0) {
      return Err{net::NetError{net::NetErrc::kSystem, errno, address}};
    }
    server->listeners_.push_back(std::move(listener));
  }
  server->tls_ = std::move(tls);
  server->waker_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!server->waker_) {
    return Err{net::NetError{net::NetErrc::kSystem, errno, server->name_}};
  }
  server->acceptor_ = std::thread([s = server.get()] {
    give_way();  // and with it whoever serves a connection: OCSP has loops of its own
    s->accept_all();
  });
  return server;
}

ControlServer::~ControlServer() { stop(); }

void ControlServer::set_tls(std::shared_ptr<const tls::ServerContext> tls) {
  const std::lock_guard lock(mutex_);
  tls_ = std::move(tls);
}

void ControlServer::accept_all() {
  std::vector<pollfd> watched;
  for (const net::Listener& listener : listeners_) {
    watched.push_back({listener.fd(), POLLIN, 0});
  }
  watched.push_back({waker_.get(), POLLIN, 0});
  while ((watched.back().revents & POLLIN) == 0) {
    // Threads that ended are joined at the next turn, which comes by itself now and then.
    if (::poll(watched.data(), watched.size(), 1000) < 0 && errno != EINTR) {
      logger_.log(LogLevel::kError, "control.failed", "cannot wait for connections any more",
                  {{"listener", name_}});
      return;
    }
    reap();
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
      if ((watched[i].revents & POLLIN) != 0) {
        accept_one(listeners_[i]);
      }
    }
  }
}

void ControlServer::accept_one(const net::Listener& listener) {
  UniqueFd fd(::accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // Else the same connection would be announced again and again.
      pollfd stopping{waker_.get(), POLLIN, 0};
      ::poll(&stopping, 1, static_cast<int>(kPause.count()));
    }
    return;
  }
  ++stats_.connections;
  if (connections_.size() >= limits_.max_connections) {
    ++stats_.refused_connections;
    Stream busy(std::move(fd), nullptr);
    send_status(busy, 503, Milliseconds(0));
    return;
  }
  net::set_no_delay(fd.get());
  const bool is_unix = listener.address().starts_with("unix:");
  const std::string place = place_of(fd.get(), is_unix);
  auto seat = seats_->take(place);
  if (seat == nullptr) {
    Stream surplus(std::move(fd), nullptr);
    turn_away(surplus, place, Milliseconds(0));
    return;
  }
  Connection& connection = connections_.emplace_back();
  {
    const std::lock_guard lock(mutex_);
    connection.fd = fd.get();
  }
  ++stats_.open_connections;
  try {
    connection.thread = std::thread(
        [this, &connection, is_unix, raw = fd.get(), taken = std::move(seat)]() mutable {
          serve(connection, UniqueFd(raw), is_unix, std::move(taken));
          --stats_.open_connections;
          const std::lock_guard lock(mutex_);
          connection.is_over = true;
          ended_.notify_one();
        });
    fd.release();                       // the thread's now
  } catch (const std::system_error&) {  // the system has no more threads
    --stats_.open_connections;
    ++stats_.refused_connections;
    connections_.pop_back();
  }
}

void ControlServer::reap() {
  for (auto it = connections_.begin(); it != connections_.end();) {
    if (it->is_over) {
      it->thread.join();
      it = connections_.erase(it);
    } else {
      ++it;
    }
  }
}

void ControlServer::turn_away(Stream& stream, const std::string& peer, Milliseconds patience) {
  ++stats_.refused_peers;
  logger_.log(LogLevel::kWarning, "control.peer_full",
              "a peer has as many connections as one may (max_peer_connections)",
              {{"listener", name_}, {"peer", peer}});
  send_status(stream, 503, patience);
}

void ControlServer::serve(Connection& connection, UniqueFd fd, bool is_unix,
                          std::unique_ptr<Seats::Seat> seat) {
  std::shared_ptr<const tls::ServerContext> tls;
  if (!is_unix) {
    const std::lock_guard lock(mutex_);
    tls = tls_;
  }
  Stream stream(std::move(fd), tls);
  if (stream.shake_hands(in(limits_.header_timeout)) != StreamState::kOk) {
    ++stats_.tls_failures;
    logger_.log(LogLevel::kInfo, "control.tls_refused", "a client was not let in",
                {{"listener", name_}, {"why", stream.session()->error()}});
  } else {
    const ControlPeer peer = peer_of(stream, is_unix);
    if (peer.certificate) {  // known now: several clients may share an address, not a seat
      const std::string who = "subject:" + peer.certificate->subject_text();
      seat = seats_->take(who);
      if (seat == nullptr) {
        turn_away(stream, who, limits_.write_timeout);
      }
    }
    if (seat != nullptr) {
      serve_requests(stream, peer);
    }
    seat.reset();  // who says goodbye slowly may come again meanwhile
    stream.finish();
  }
  const std::lock_guard lock(
      mutex_);  // stop() must not end a connection of somebody else under the same number
  connection.fd = -1;
}

void ControlServer::serve_requests(Stream& stream, const ControlPeer& peer) {
  Buffer rest;  // octets that were read and not used
  for (;;) {
    http::RequestParser parser({.max_target_bytes = limits_.max_header_bytes,
                                .max_header_bytes = limits_.max_header_bytes});
    Buffer head = std::exchange(rest, {});
    MonotonicTime deadline = in(head.empty() ? limits_.idle_timeout : limits_.header_timeout);
    Progress progress = Progress::kNeedHead;
    for (;;) {
      progress = head.empty() ? Progress::kNeedHead : parser.parse_head_only(head);
      if (progress != Progress::kNeedHead) {
        break;
      }
      const bool is_first = head.empty();
      const std::size_t had = head.size();
      head.resize(had + kReadBytes);
      const Stream::Read got =
          stream.read(std::span(head).subspan(had), deadline, is_first ? waker_.get() : -1);
      head.resize(had + got.bytes);
      if (got.state == StreamState::kTimedOut) {
        ++stats_.timeouts;
        if (!is_first) {
          send_status(stream, 408, limits_.write_timeout);
        }
      }
      if (got.state != StreamState::kOk) {
        return;
      }
      deadline = is_first ? in(limits_.header_timeout) : deadline;
    }
    if (progress != Progress::kNeedBody) {  // TLS on a plain port is answered by closing
      const unsigned status = parser.refusal_status();
      ++(status == 431 || status == 414 ? stats_.too_large : stats_.bad_requests);
      if (progress == Progress::kRefused) {
        send_status(stream, status, limits_.write_timeout);
      }
      return;
    }
    // The head stays where it is, since the request is a view of it; what follows moves out of its
    // way.
    rest.assign(head.begin() + static_cast<std::ptrdiff_t>(parser.consumed()), head.end());
    ++stats_.requests;
    Exchange exchange(stream, parser, peer, rest, limits_, stats_);
    handler_.handle(exchange);
    if (!exchange.is_answered()) {
      exchange.send(500, "text/plain", {}, {});
    }
    if (!exchange.may_go_on()) {
      return;
    }
  }
}

void ControlServer::stop() {
  if (!acceptor_.joinable()) {
    return;
  }
  MUSTER_ASSERT(::eventfd_write(waker_.get(), 1) == 0);
  acceptor_.join();
  listeners_.clear();
  {
    std::unique_lock lock(mutex_);
    ended_.wait_until(lock, in(limits_.grace), [this] {
      return std::all_of(connections_.begin(), connections_.end(),
                         [](const Connection& c) { return c.is_over.load(); });
    });
    for (Connection& connection : connections_) {
      if (connection.fd >= 0) {
        ::shutdown(connection.fd, SHUT_RDWR);
      }
    }
  }
  for (Connection& connection : connections_) {
    connection.thread.join();
  }
  connections_.clear();
}

}  // namespace muster::node
