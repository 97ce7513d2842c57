#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "muster/base/log.h"
#include "muster/http/request_parser.h"
#include "muster/net/address.h"
#include "muster/node/options.h"
#include "seats.h"
#include "stream.h"

// HTTP for the few: operators, scrapers, CAs. A thread for each connection and blocking calls,
// because what is asked for blocks (reloading, committing, streaming), and nobody may hold up
// another; the OCSP side keeps its loops (decision 031).
namespace muster::node {

struct ControlStats {
  std::atomic<std::uint64_t> connections{0}, open_connections{0}, refused_connections{0},
      refused_peers{0}, requests{0}, bad_requests{0}, too_large{0}, timeouts{0}, tls_failures{0},
      denied{0};
};

/// Who asks.
struct ControlPeer {
  enum class Way : std::uint8_t { kTcp, kTls, kUnix } way = Way::kTcp;
  push::Peer facts;
  IpAddress address{};  ///< not known of kUnix
  std::string text;     ///< for logs: "uid 998, gid 998, pid 4711" or "dns:ca.example"
  std::optional<pki::Certificate> certificate;  ///< of kTls, verified
};

/// One request and its answer. Threads: one.
class Exchange {
 public:
  Exchange(Stream& stream, const http::RequestParser& parser, const ControlPeer& peer, Buffer& rest,
           const ControlLimits& limits, ControlStats& stats);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Without body.
  [[nodiscard]] const http::RequestView& head() const { return head_; }
  [[nodiscard]] const ControlPeer& peer() const { return peer_; }
  /// Target without query.
  [[nodiscard]] std::string_view path() const;

  /// The whole body. Errors: the HTTP status to answer with (400, 408, 413).
  Result<Buffer, unsigned> read_body(std::size_t limit);
  /// The next piece of the body, valid until the next call; empty at its end. Errors: as
  /// read_body().
  Result<Bytes, unsigned> read_piece();

  /// Answers. `extra_headers`: lines each ending in CRLF.
  void send(unsigned status, std::string_view content_type, std::string_view extra_headers,
            std::string_view body);
  /// Answers piece by piece: begin(), write()..., end(). The body may be read meanwhile.
  void begin(unsigned status, std::string_view content_type, std::string_view extra_headers);
  void write(std::string_view text);
  void end();

  /// Whether another request may follow on the connection.
  [[nodiscard]] bool may_go_on() const;
  [[nodiscard]] bool is_answered() const { return is_answered_; }
  /// Whether the peer takes nothing any more.
  [[nodiscard]] bool is_broken() const { return is_broken_; }

 private:
  void ask_for_body();
  Result<Unit, unsigned> fill(MonotonicTime deadline);
  Result<Bytes, unsigned> next_piece(MonotonicTime deadline);
  [[nodiscard]] bool is_body_read() const;

  Stream& stream_;
  const http::RequestView head_;
  const http::RequestParser::Framing framing_;
  const bool wants_continue_;
  const ControlPeer& peer_;
  Buffer& rest_;  // octets behind the head
  const ControlLimits& limits_;
  ControlStats& stats_;
  http::ChunkDecoder chunks_;
  std::size_t handed_out_ = 0;  // of rest_, valid until the next piece is asked for
  std::size_t body_left_;       // unless chunked
  bool chunks_over_ = false;
  bool continue_sent_ = false;
  bool is_answered_ = false;
  bool is_chunked_answer_ = false;
  bool closes_ = false;
  bool is_broken_ = false;
};

/// Answers requests; several threads at once.
class ControlHandler {
 public:
  virtual ~ControlHandler() = default;
  virtual void handle(Exchange& exchange) = 0;
};

class ControlServer {
 public:
  /// \param name  for logs: "admin", "push"
  /// \param tls   for TCP listeners; null: plain
  /// \param socket_mode  of the files of unix sockets
  static Result<std::unique_ptr<ControlServer>, net::NetError> listen(
      std::string name, const std::vector<std::string>& addresses,
      std::shared_ptr<const tls::ServerContext> tls, ::mode_t socket_mode,
      const ControlLimits& limits, ControlHandler& handler, ControlStats& stats, Logger& logger);
  /// As stop().
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  [[nodiscard]] const std::vector<std::string>& addresses() const { return addresses_; }
  /// New connections get these certificates. Any thread.
  void set_tls(std::shared_ptr<const tls::ServerContext> tls);
  /// Stops accepting, lets requests in flight end, at most `grace` long. Idempotent.
  void stop();

 private:
  struct Connection {
    std::thread thread;
    int fd = -1;                       ///< under mutex_
    std::atomic<bool> is_over{false};  ///< set under mutex_
  };
  ControlServer(std::string name, const ControlLimits& limits, ControlHandler& handler,
                ControlStats& stats, Logger& logger)
      : name_(std::move(name)),
        limits_(limits),
        seats_(std::make_shared<Seats>(limits.max_peer_connections)),
        handler_(handler),
        stats_(stats),
        logger_(logger) {}
  void accept_all();
  void accept_one(const net::Listener& listener);
  void serve(Connection& connection, UniqueFd fd, bool is_unix, std::unique_ptr<Seats::Seat> seat);
  /// Says 503.
  void turn_away(Stream& stream, const std::string& peer, Milliseconds patience);
  void serve_requests(Stream& stream, const ControlPeer& peer);
  void reap();

  const std::string name_;
  const ControlLimits limits_;
  const std::shared_ptr<Seats> seats_;
  ControlHandler& handler_;
  ControlStats& stats_;
  Logger& logger_;
  std::vector<net::Listener> listeners_;
  std::vector<std::string> addresses_;
  UniqueFd waker_;  // readable when stopping
  std::mutex mutex_;
  std::condition_variable ended_;                  // a connection is over
  std::shared_ptr<const tls::ServerContext> tls_;  // under mutex_
  std::list<Connection> connections_;              // of the accepting thread
  std::thread acceptor_;
};

}  // namespace muster::node
