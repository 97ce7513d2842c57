#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "muster/http/message.h"
#include "muster/net/address.h"
#include "muster/net/loop.h"

namespace muster::net {

/// Every limit has a counter in HttpStats and a test.
struct HttpLimits {
  std::size_t max_target_bytes = 16 * 1024;
  std::size_t max_header_bytes = 16 * 1024;  ///< request line and headers together
  std::size_t max_body_bytes = 64 * 1024;
  /// Per server (loop). One more takes the place of whoever has waited for his peer for longest,
  /// but no shorter than `newcomer_time`; where there is none, it is told 503.
  std::size_t max_connections = 10000;
  /// Octets of unfinished requests and of answers not taken, of all connections of a server:
  /// beyond, those who have waited for their peer for longest are ended.
  std::size_t max_buffered_bytes = std::size_t{64} << 20U;
  std::size_t max_pipeline_bytes =
      256 * 1024;                      ///< answers waiting in one connection before reading pauses
  Milliseconds header_timeout{10000};  ///< first octet to end of headers (slow senders are cut off)
  Milliseconds body_timeout{10000};
  Milliseconds idle_timeout{60000};   ///< between requests
  Milliseconds write_timeout{30000};  ///< without progress
  Milliseconds reply_timeout{30000};  ///< for a handler that deferred its reply; then 503
  Milliseconds newcomer_time{500};    ///< see max_connections: their request may be travelling
  int backlog = 4096;                 ///< the kernel caps it at net.core.somaxconn
};

/// Counters of one server; written by its loop's thread, read from any (relaxed).
struct HttpStats {
  std::atomic<std::uint64_t> connections{0}, requests{0}, refused_connections{0}, bad_requests{0},
      too_large{0}, header_timeouts{0}, body_timeouts{0}, idle_closes{0}, write_timeouts{0},
      tls_on_plain_port{0}, open_connections{0}, pipeline_pauses{0}, deferred{0}, reply_timeouts{0},
      accept_pauses{0},   ///< out of descriptors: accepting waits a moment
      gone_waiting{0},    ///< peers that ended while their reply was deferred
      made_room{0},       ///< connections ended for new ones, or for their descriptor
      freed_memory{0},    ///< connections ended for what they kept
      buffered_bytes{0};  ///< kept by all now
};

/// An answer that comes after handle() has returned, or at the end of it. Loop's thread, also
/// inside the handle() of another request. Sent once; sending to a connection that has ended
/// meanwhile does nothing. Destroyed unsent it answers 500.
class LaterReply {
 public:
  virtual ~LaterReply() = default;
  /// As HttpReply's.
  virtual void send_ready(Bytes octets, std::size_t head_bytes) = 0;
  virtual void send(unsigned status, std::string_view content_type, std::string_view extra_headers,
                    Bytes body) = 0;
};

/// Where a handler puts its answer. `head_and_body` style: the handler gives status line and
/// headers without the fields the server owns (Connection, and Date unless given), and the body.
class HttpReply {
 public:
  virtual ~HttpReply() = default;
  /// Sends a whole answer made beforehand: status line, all headers except Connection, blank line
  /// and body are in `octets`, copied once into the connection's output (pipelined answers leave in
  /// one write). `head_bytes` says where the body starts, so that HEAD gets the head alone.
  virtual void send_ready(Bytes octets, std::size_t head_bytes) = 0;
  /// Builds and sends an answer. `extra_headers`: lines each ending in CRLF.
  virtual void send(unsigned status, std::string_view content_type, std::string_view extra_headers,
                    Bytes body) = 0;
  /// Instead of sending: the answer comes later. Requests behind this one on its connection wait
  /// unread, so that answers keep their order; at most one reply a connection is outstanding. Null
  /// where nobody can wait: then an answer is due now.
  virtual std::unique_ptr<LaterReply> defer() { return nullptr; }
};

/// Answers requests on the loop's thread: at once, inside handle(), or later (HttpReply::defer).
/// Must not block.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual void handle(const http::RequestView& request, HttpReply& reply) = 0;
};

/// HTTP/1.1 server on one loop: keep-alive, pipelining, HEAD, limits, graceful drain. Several
/// servers on several loops may share an address (SO_REUSEPORT): the first says kExclusive, the
/// others kJoin with the first one's address(). Must be destroyed before its loop, by the loop's
/// thread or when that does not run.
class HttpServer {
 public:
  /// \param address  As SocketAddress::parse; port 0 picks one.
  static Result<std::unique_ptr<HttpServer>, NetError> listen(
      Loop& loop, const std::string& address, const HttpLimits& limits, HttpHandler& handler,
      AddressSharing sharing = AddressSharing::kExclusive);
  ~HttpServer();
  /// "127.0.0.1:41233": with the real port.
  [[nodiscard]] const std::string& address() const;
  [[nodiscard]] const HttpStats& stats() const;
  /// Stops accepting, finishes requests that are in flight, closes idle connections; `done` runs
  /// when none is left or after `grace`, later than this call; it may destroy the server. Once.
  /// Loop's thread, not inside a handler.
  void drain(Milliseconds grace, std::function<void()> done);

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::net
