#pragma once

#include <optional>

#include "muster/base/file.h"
#include "muster/base/time.h"
#include "muster/tls/server.h"

// Blocking octets with deadlines over one accepted connection, plain or TLS.
namespace muster::node {

enum class StreamState : std::uint8_t {
  kOk,
  kClosed,  ///< the peer has ended
  kTimedOut,
  kWoken,  ///< the waker became readable first
  kFailed,
};

class Stream {
 public:
  /// \param fd   non-blocking and connected
  /// \param tls  null: plain
  Stream(UniqueFd fd, std::shared_ptr<const tls::ServerContext> tls);

  /// Nothing to do when plain.
  StreamState shake_hands(MonotonicTime deadline);
  struct Read {
    StreamState state;
    std::size_t bytes = 0;
  };
  /// Waits for at least one octet. `waker`: a descriptor that ends the wait when it becomes
  /// readable; -1: none.
  Read read(std::span<std::uint8_t> into, MonotonicTime deadline, int waker = -1);
  /// All of it; `patience` is without progress.
  StreamState write(Bytes octets, Milliseconds patience);
  /// Tells the peer that nothing follows, and takes what it still sends for a moment: closing at
  /// once would destroy our last answer on its way.
  void finish();

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const tls::Session* session() const { return session_ ? &*session_ : nullptr; }

 private:
  StreamState wait(short events, MonotonicTime deadline, int waker = -1) const;

  UniqueFd fd_;
  std::optional<tls::Session> session_;
};

}  // namespace muster::node
