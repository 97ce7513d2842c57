#pragma once

#include <array>

#include "muster/front/front.h"
#include "muster/net/address.h"
#include "muster/net/deadline.h"

namespace muster::front {

class ProxyConnection;

/// What the connections of one loop share. Connections own no buffer while octets flow freely: they
/// are moved through `scratch`, and only what a side does not take is kept.
struct WorkerShared {
  net::Loop& loop;
  const FrontOptions& options;
  const net::SocketAddress upstream;
  FrontStats& stats;
  Logger& logger;
  std::shared_ptr<const tls::ServerContext> context;
  /// Called by a connection that has ended; it may be reused or destroyed later, not inside the
  /// call.
  std::function<void(ProxyConnection&)> on_closed;
  std::array<std::uint8_t, 64 * 1024> scratch{};
  bool is_draining = false;
};

/// One client's TLS connection and the upstream's plain one. A slow side stops the other: at most
/// what one read brought waits.
class ProxyConnection {
 public:
  explicit ProxyConnection(WorkerShared& shared);
  ~ProxyConnection();
  ProxyConnection(const ProxyConnection&) = delete;
  ProxyConnection& operator=(const ProxyConnection&) = delete;

  void open(UniqueFd client);
  /// Ends when the client has had its answer and nothing more came for a moment; at the latest with
  /// the grace time.
  void drain();
  /// Ends without ceremony.
  void close();
  [[nodiscard]] bool is_open() const { return static_cast<bool>(client_.fd); }

 private:
  enum class Stage : std::uint8_t { kHandshake, kFirstOctets, kConnect, kRelay, kGoodbye };
  enum class Progress : std::uint8_t { kNone, kSome, kOver };

  /// A descriptor and what the loop is told about it. One that waits for nothing is not watched at
  /// all: a hang-up would be reported again and again.
  struct Side final : net::FdHandler {
    explicit Side(ProxyConnection& o) : owner(o) {}
    void on_ready(std::uint32_t) noexcept override { owner.advance(*this); }
    void watch(std::uint32_t events);
    void reset();
    ProxyConnection& owner;
    UniqueFd fd;
    std::uint32_t watched = 0;
  };

  void advance(Side& side);
  void shake_hands();
  void await_first_octets();
  void read_first_octets();
  /// `first`: what the client has said already; copied.
  void begin_connect(Bytes first);
  void finish_connect();
  void relay();
  Progress move_to_upstream();
  Progress move_to_client();
  Progress send_to_upstream();
  Progress send_to_client();
  void fail_upstream(const char* event, const char* message, int os_error);
  void say_goodbye();
  void discard();
  void watch_relay();
  void on_deadline();
  void set_idle_deadline();

  WorkerShared& shared_;
  Side client_;
  Side upstream_;
  std::optional<tls::Session> session_;
  Stage stage_ = Stage::kHandshake;
  Buffer to_upstream_;
  Buffer to_client_;
  std::uint32_t read_waits_for_ = 0;   // what of the client's socket TLS needs to go on reading
  std::uint32_t write_waits_for_ = 0;  // or writing
  bool client_ended_ = false;
  bool upstream_ended_ = false;
  bool is_upstream_told_ = false;  // that the client has ended
  bool had_answer_last_ = true;    // the last octets went to the client
  net::Deadline deadline_;
  net::TimerId again_ = 0;
};

}  // namespace muster::front
