#pragma once

#include <functional>
#include <memory>
#include <string>

#include "muster/net/address.h"
#include "muster/net/loop.h"

namespace muster::stapler {

/// Asks a server's control socket, one question a connection, and reads until the server closes.
/// Never blocks; a server that is slow, silent or endless is left when the time or the octets are
/// up. Loop's thread.
class ControlSocket {
 public:
  ControlSocket(net::Loop& loop, net::SocketAddress address, Milliseconds timeout);
  ~ControlSocket();  ///< `done` of a question under way is not called
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  /// The answer, or why there is none, in words.
  using Answer = Result<std::string, std::string>;
  /// Precondition: not asking(). `done` is called later, once.
  void ask(std::string question, std::function<void(const Answer&)> done);
  [[nodiscard]] bool asking() const;

  static constexpr std::size_t kMaxAnswerBytes = 256 * 1024;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace muster::stapler
