#include "muster/net/http_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "http_connection.h"
#include "muster/http/response.h"

namespace muster::net {
namespace {

/// Connections accepted before others get their turn.
constexpr int kAcceptsPerTurn = 64;
/// How long accepting waits when the process or the system is out of descriptors.
constexpr Milliseconds kAcceptPause{100};

}  // namespace

struct HttpServer::Impl final : FdHandler {
  Impl(Loop& loop, const HttpLimits& limits, HttpHandler& handler, Listener l)
      : shared(loop, limits, handler), listener(std::move(l)), address(listener->address()) {
    shared.on_closed = [this](HttpConnection& connection) { on_closed(connection); };
    Buffer& out = busy_answer;
    http::append_head(out, 503, "text/plain", "Connection: close\r\nRetry-After: 1\r\n\r\n", 0);
  }
  ~Impl() override {
    stop_listening();
    shared.loop.cancel(accept_timer);
    shared.loop.cancel(grace_timer);
    shared.loop.cancel(done_timer);
  }

  void on_ready(std::uint32_t) noexcept override { accept_some(kAcceptsPerTurn); }

  /// Accepts until none waits or `most` are accepted.
  void accept_some(int most) {
    for (int i = 0; i < most; ++i) {
      UniqueFd fd(::accept4(listener->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
          pause_accepting();
        }
        if (errno != ECONNABORTED && errno != EINTR) {
          return;
        }
        continue;
      }
      if (open_count >= shared.limits.max_connections) {
        bump(shared.stats.refused_connections);
        // Best effort, without waiting: a client that is told is better than one that wonders.
        static_cast<void>(::send(fd.get(), busy_answer.data(), busy_answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
        continue;
      }
      set_no_delay(fd.get());
      bump(shared.stats.connections);
      ++open_count;
      take_connection().open(std::move(fd));
    }
  }

  void pause_accepting() {
    bump(shared.stats.accept_pauses);
    shared.loop.remove(listener->fd());
    accept_timer = shared.loop.after(kAcceptPause, [this] { watch_listener(); });
  }

  void watch_listener() {
    accept_timer = 0;
    if (listener && shared.loop.add(listener->fd(), EPOLLIN, *this) == WatchResult::kNoRoom) {
      accept_timer = shared.loop.after(kAcceptPause, [this] { watch_listener(); });
    }
  }

  HttpConnection& take_connection() {
    if (free.empty()) {
      connections.push_back(std::make_unique<HttpConnection>(shared));
      free.reserve(connections.size());
      return *connections.back();
    }
    HttpConnection& connection = *free.back();
    free.pop_back();
    return connection;
  }

  void on_closed(HttpConnection& connection) {
    free.push_back(&connection);
    --open_count;
    if (open_count == 0 && on_drained) {
      finish_drain_soon();
    }
  }

  void stop_listening() {
    if (listener) {
      shared.loop.remove(listener->fd());
      listener.reset();
    }
  }

  /// Not at once: functions of the connection that ended last are still on the stack, and `on_drained` may destroy us.
  void finish_drain_soon() {
    if (done_timer != 0) {
      return;
    }
    shared.loop.cancel(grace_timer);
    done_timer = shared.loop.after(Milliseconds(0), [this] { std::exchange(on_drained, nullptr)(); });
  }

  HttpShared shared;
  std::optional<Listener> listener;
  const std::string address;
  Buffer busy_answer;
  std::size_t open_count = 0;
  std::vector<std::unique_ptr<HttpConnection>> connections;  // open and free ones
  std::vector<HttpConnection*> free;
  TimerId accept_timer = 0;
  TimerId grace_timer = 0;
  TimerId done_timer = 0;
  std::function<void()> on_drained;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>, NetError> HttpServer::listen(Loop& loop, const std::string& address,
                                                                 const HttpLimits& limits, HttpHandler& handler,
                                                                 AddressSharing sharing) {
  MUSTER_TRY(Listener listener, Listener::open(address, limits.backlog, sharing));
  auto impl = std::make_unique<Impl>(loop, limits, handler, std::move(listener));
  impl->watch_listener();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

const std::string& HttpServer::address() const { return impl_->address; }
const HttpStats& HttpServer::stats() const { return impl_->shared.stats; }

void HttpServer::drain(Milliseconds grace, std::function<void()> done) {
  Impl& impl = *impl_;
  if (impl.listener) {
    impl.accept_some(impl.shared.limits.backlog);  // closing would reset connections the kernel has accepted already
    impl.stop_listening();
  }
  impl.shared.is_draining = true;
  impl.on_drained = std::move(done);
  impl.grace_timer = impl.shared.loop.after(grace, [this] {
    for (const auto& connection : impl_->connections) {
      connection->close();
    }
  });
  for (const auto& connection : impl.connections) {
    if (connection->is_open()) {
      connection->drain();
    }
  }
  if (impl.open_count == 0) {
    impl.finish_drain_soon();
  }
}

}  // namespace muster::net
