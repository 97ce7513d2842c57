#pragma once

#include <functional>
#include <optional>
#include <string>

#include "muster/net/address.h"
#include "muster/net/loop.h"

namespace muster::net {

/// Accepts connections of one listener on a loop: several a turn, others get their turn between;
/// when the process or the system is out of descriptors it pauses for a moment instead of spinning.
/// Loop's thread.
class Acceptor final : public FdHandler {
 public:
  struct Events {
    /// A non-blocking connection. Must not destroy the acceptor.
    std::function<void(UniqueFd)> accepted;
    std::function<void()> paused;
  };
  Acceptor(Loop& loop, Listener listener, Events events);
  ~Acceptor() override;
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  void on_ready(std::uint32_t events) noexcept override;
  /// Inside `accepted`: that one was turned away. After some of these the others wait for a moment
  /// in the kernel's queue: telling a crowd that comes back at once that there is no place must not
  /// take the time of those who have one.
  void refused() { ++refused_; }
  /// Accepts what waits in the kernel's queue, then closes the listener: closing alone would reset
  /// those connections. Idempotent.
  void finish();
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  void accept_some(int most, int most_refused);
  void watch();
  void pause();
  void rest(Milliseconds how_long);

  Loop& loop_;
  std::optional<Listener> listener_;
  const std::string address_;
  const Events events_;
  TimerId timer_ = 0;
  int refused_ = 0;  ///< since it rested last
};

}  // namespace muster::net
