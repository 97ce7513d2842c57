#include "muster/net/http_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "http_connection.h"
#include "muster/http/response.h"
#include "muster/net/acceptor.h"

namespace muster::net {
namespace {

/// Compared to find who has waited for his peer for longest, and looked at for that: a flood of
/// connections must not cost a look at all of them each.
constexpr std::size_t kCandidates = 16, kLooks = 256;
/// Connections that are ended when a descriptor is missing: accepting goes on a moment later.
constexpr int kRoomWhenPaused = 16;

}  // namespace

struct HttpServer::Impl {
  Impl(Loop& loop, const HttpLimits& limits, HttpHandler& handler, Listener listener)
      : shared(loop, limits, handler),
        acceptor(loop, std::move(listener),
                 {.accepted = [this](UniqueFd fd) { on_accepted(std::move(fd)); },
                  .paused = [this] { on_paused(); }}) {
    shared.on_closed = [this](HttpConnection& connection) { on_closed(connection); };
    shared.on_full = [this](const HttpConnection& one) { free_memory(one); };
    Buffer& out = busy_answer;
    http::append_head(out, 503, "text/plain", "Connection: close\r\nRetry-After: 1\r\n\r\n", 0);
  }
  ~Impl() {
    shared.loop.cancel(grace_timer);
    shared.loop.cancel(done_timer);
  }

  void on_accepted(UniqueFd fd) {
    if (open_count >= shared.limits.max_connections && make_room() == Room::kNone) {
      bump(shared.stats.refused_connections);
      acceptor.refused();
      // Best effort, without waiting: a client that is told is better than one that wonders.
      static_cast<void>(
          ::send(fd.get(), busy_answer.data(), busy_answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
      return;
    }
    bump(shared.stats.connections);
    ++open_count;
    take_connection().open(std::move(fd));
  }

  /// Out of descriptors, or the kernel of memory: those who have waited for their peer for longest
  /// give theirs to those who knock.
  void on_paused() {
    bump(shared.stats.accept_pauses);
    for (int i = 0; i < kRoomWhenPaused && make_room() == Room::kMade; ++i) {
    }
  }

  enum class Room : std::uint8_t { kMade, kNone };
  Room make_room() {
    const MonotonicTime before = shared.loop.now() - shared.limits.newcomer_time;
    HttpConnection* const longest = find_longest_waiting(
        kLooks,
        [before](const HttpConnection& one) { return *one.waits_for_peer_since() <= before; });
    if (longest == nullptr) {
      return Room::kNone;
    }
    bump(shared.stats.made_room);
    longest->close();
    return Room::kMade;
  }

  /// Ends others until what connections keep is within its limit again, or no other keeps anything.
  void free_memory(const HttpConnection& spared) {
    while (shared.stats.buffered_bytes.load(std::memory_order_relaxed) >
           shared.limits.max_buffered_bytes) {
      HttpConnection* const longest = find_longest_waiting(
          connections.size(),
          [&spared](const HttpConnection& one) { return &one != &spared && one.buffered() != 0; });
      if (longest == nullptr) {
        return;
      }
      bump(shared.stats.freed_memory);
      longest->close();
    }
  }

  /// Of the first few that wait for their peer and that `fits` takes, going on where the last look
  /// ended, so that each has its turn; null when there is none among the `looks` next.
  template <class Fits>
  HttpConnection* find_longest_waiting(std::size_t looks, const Fits& fits) {
    HttpConnection* longest = nullptr;
    std::size_t candidates = 0;
    looks = std::min(looks, connections.size());
    for (std::size_t i = 0; i < looks && candidates < kCandidates; ++i) {
      hand = hand + 1 < connections.size() ? hand + 1 : 0;
      HttpConnection& one = *connections[hand];
      if (one.waits_for_peer_since() && fits(one)) {
        ++candidates;
        if (longest == nullptr || *one.waits_for_peer_since() < *longest->waits_for_peer_since()) {
          longest = &one;
        }
      }
    }
    return longest;
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

  /// Not at once: functions of the connection that ended last are still on the stack, and
  /// `on_drained` may destroy us.
  void finish_drain_soon() {
    if (done_timer != 0) {
      return;
    }
    shared.loop.cancel(grace_timer);
    done_timer =
        shared.loop.after(Milliseconds(0), [this] { std::exchange(on_drained, nullptr)(); });
  }

  HttpShared shared;
  Acceptor acceptor;
  Buffer busy_answer;
  std::size_t open_count = 0;
  std::vector<std::unique_ptr<HttpConnection>> connections;  // open and free ones
  std::vector<HttpConnection*> free;
  std::size_t hand = 0;  // where find_longest_waiting() stopped
  TimerId grace_timer = 0;
  TimerId done_timer = 0;
  std::function<void()> on_drained;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>, NetError> HttpServer::listen(Loop& loop,
                                                                 const std::string& address,
                                                                 const HttpLimits& limits,
                                                                 HttpHandler& handler,
                                                                 AddressSharing sharing) {
  MUSTER_TRY(Listener listener, Listener::open(address, limits.backlog, sharing));
  auto impl = std::make_unique<Impl>(loop, limits, handler, std::move(listener));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

const std::string& HttpServer::address() const { return impl_->acceptor.address(); }
const HttpStats& HttpServer::stats() const { return impl_->shared.stats; }

void HttpServer::drain(Milliseconds grace, std::function<void()> done) {
  Impl& impl = *impl_;
  impl.acceptor.finish();
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
