#pragma once

#include <array>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>

#include "finished_replies.h"
#include "muster/http/request_parser.h"
#include "muster/net/deadline.h"
#include "muster/net/http_server.h"

// Private to the server: one accepted connection and what connections of a loop share.
namespace muster::net {

/// Single writer, any reader: no locked instruction is needed.
inline void bump(std::atomic<std::uint64_t>& counter, std::int64_t by = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + static_cast<std::uint64_t>(by),
                std::memory_order_relaxed);
}

class HttpConnection;

/// What a deferred reply holds of its connection; null when that has ended or has been answered.
struct ReplyLink {
  HttpConnection* connection;
};

/// What all connections of one server share. Idle connections own no buffer: octets are read into
/// and answers collected in these, and a connection keeps only what is left over.
struct HttpShared {
  HttpShared(Loop& l, const HttpLimits& n, HttpHandler& h)
      : loop(l), limits(n), handler(h), finished(std::make_shared<FinishedReplies>(l)) {}

  Loop& loop;
  const HttpLimits limits;
  HttpHandler& handler;
  const std::shared_ptr<FinishedReplies> finished;
  HttpStats stats;
  std::array<std::uint8_t, 64 * 1024> input;
  Buffer output;
  bool is_draining = false;
  const HttpConnection* handled = nullptr;  ///< whose request the handler has in hand
  /// Called by a connection that has ended; it may be reused or destroyed later, not inside the
  /// call.
  std::function<void(HttpConnection&)> on_closed;
  /// Called by a connection whose buffers made HttpStats::buffered_bytes pass its limit. Must not
  /// close that one.
  std::function<void(const HttpConnection&)> on_full;

  /// "Date: ...\r\n" of this second.
  std::string_view date_line();

 private:
  std::time_t date_second_ = -1;
  std::string date_line_;
};

/// Reads requests, collects answers, enforces deadlines. Reused for one connection after another.
class HttpConnection final : public FdHandler {
 public:
  explicit HttpConnection(HttpShared& shared);
  ~HttpConnection() override;
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void open(UniqueFd fd);
  void on_ready(std::uint32_t events) noexcept override;
  /// Answers what has arrived, then ends unless a request is under way or none has come yet (its
  /// first one may be travelling).
  void drain();
  /// Ends without ceremony.
  void close();
  [[nodiscard]] bool is_open() const { return static_cast<bool>(fd_); }
  /// Since when the peer is waited for: between requests, inside one, or to take its answer.
  /// Nothing: it is the peer who waits, or there is none.
  [[nodiscard]] std::optional<MonotonicTime> waits_for_peer_since() const;
  /// Octets its buffers take.
  [[nodiscard]] std::size_t buffered() const { return buffered_; }
  /// The request in hand is answered later; called inside the handler.
  std::shared_ptr<ReplyLink> defer();
  /// Answers it: `write` is given a Reply to send with. Outside the handler of that request the
  /// answer goes out at the loop's next turn: another handler may be at work now, which must not be
  /// entered again. Defined in http_reply.h.
  template <class Write>
  void finish(const Write& write);
  /// What was deferred goes out, and the connection goes on; never inside a handler.
  void deliver(Bytes output, bool stays);

 private:
  enum class Phase : std::uint8_t { kIdle, kHeader, kBody, kWaiting, kWriting, kLingering };

  void read_input();
  void discard_input();
  void consume(std::span<std::uint8_t> input);
  std::span<std::uint8_t> answer_requests(std::span<std::uint8_t> input);
  void answer(const http::RequestView& request);
  void refuse(unsigned status);
  void keep_rest(std::span<std::uint8_t> rest);
  enum class Flushed : std::uint8_t { kAll, kPaused, kClosed };
  Flushed flush(Buffer& output);
  void write_pending();
  void settle(std::size_t unread_bytes, http::RequestParser::Progress progress);
  void enter(Phase phase, Milliseconds timeout);
  void wait_for_reply();
  void note_peer_end();
  /// Of the socket; costs a system call only if it is another than before.
  void watch(std::uint32_t events);
  void let_go_of_reply();
  void linger();
  void on_deadline();
  /// Tells `shared_` what the buffers take by now.
  void account();

  HttpShared& shared_;
  UniqueFd fd_;
  IpAddress peer_;
  http::RequestParser parser_;
  Phase phase_ = Phase::kIdle;
  std::uint32_t watched_ = 0;  ///< epoll's events of the socket
  MonotonicTime phase_since_;
  std::size_t buffered_ = 0;  ///< as told last
  bool closes_after_output_ = false;
  bool lingers_after_output_ = false;
  bool continue_sent_ = false;
  bool has_had_request_ = false;
  /// Of the request that is answered later; `link_` is null when there is none.
  std::shared_ptr<ReplyLink> link_;
  bool deferred_is_head_ = false;
  bool deferred_stays_ = false;
  bool peer_has_ended_ = false;  ///< it sends no more; it may still read
  unsigned deferred_version_minor_ = 1;
  Buffer pending_input_;   // the part of a request that is there
  Buffer pending_output_;  // what the peer has not taken yet
  Deadline deadline_;
};

}  // namespace muster::net
