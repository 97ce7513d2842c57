#pragma once

#include <sys/socket.h>

#include <string>

#include "muster/base/file.h"
#include "muster/base/ip.h"
#include "muster/base/result.h"

namespace muster::net {

enum class NetErrc : std::uint8_t {
  kBadAddress,  ///< not written as an address is; `os_error` is 0
  kNotHere,     ///< listening: this machine has no such address, or no such directory
  kInUse,       ///< listening: somebody is there already
  kPermission,  ///< listening: not allowed to this user
  kSystem,      ///< the operating system refused for another reason; connecting: for any
};
struct NetError {
  NetErrc code;
  int os_error;
  std::string where;  ///< "127.0.0.1:80"
};
/// "cannot use 127.0.0.1:80: address already in use (is another server running?)".
std::string to_string(const NetError& error);

/// Where a stream socket listens or connects to.
class SocketAddress {
 public:
  /// "127.0.0.1:8080", "[::1]:8080", "localhost:8080" (127.0.0.1), "*:8080" (every address),
  /// "unix:/path". No name is looked up. Errors: kBadAddress.
  static Result<SocketAddress, NetError> parse(const std::string& text);
  /// What the kernel says `fd` is bound to.
  static SocketAddress of_local(int fd);

  [[nodiscard]] const sockaddr* data() const {
    return reinterpret_cast<const sockaddr*>(&storage_);
  }
  [[nodiscard]] socklen_t size() const { return size_; }
  [[nodiscard]] int family() const { return storage_.ss_family; }
  [[nodiscard]] std::string text() const;

 private:
  SocketAddress() = default;
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

/// Whether a listener may stand beside others of the same address. Loops of one process share
/// theirs: the first is kExclusive, so that a second process started by mistake is told instead of
/// taking half of the requests; the others kJoin.
enum class AddressSharing : std::uint8_t { kExclusive, kJoin };

/// A listening socket, non-blocking. Removes the file of a unix socket when destroyed.
class Listener {
 public:
  /// Errors: kBadAddress, kNotHere, kInUse, kPermission, kSystem.
  static Result<Listener, NetError> open(const std::string& address, int backlog,
                                         AddressSharing sharing = AddressSharing::kExclusive);
  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// With the real port.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  Listener(UniqueFd fd, std::string address, std::string path)
      : fd_(std::move(fd)), address_(std::move(address)), path_(std::move(path)) {}
  UniqueFd fd_;
  std::string address_;
  std::string path_;  // of a unix socket
};

/// Starts connecting; the socket is writable when it is done. Errors: kSystem.
Result<UniqueFd, NetError> start_connect(const SocketAddress& address);
/// Whose end `fd` is connected to; none for unix sockets.
IpAddress peer_of(int fd);
/// Turns off Nagle's delay; nothing happens for unix sockets.
void set_no_delay(int fd);

}  // namespace muster::net
