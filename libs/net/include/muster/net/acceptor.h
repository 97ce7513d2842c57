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
  /// Accepts what waits in the kernel's queue, then closes the listener: closing alone would reset
  /// those connections. Idempotent.
  void finish();
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  void accept_some(int most);
  void watch();
  void pause();

  Loop& loop_;
  std::optional<Listener> listener_;
  const std::string address_;
  const Events events_;
  TimerId timer_ = 0;
};

}  // namespace muster::net
