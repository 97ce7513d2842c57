#include "muster/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "muster/base/text.h"
#include "muster/net/control_fetch.h"
#include "muster/net/ip_of.h"

namespace muster::net {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
/// Of a text that is to be an address; more of one that is none helps nobody.
constexpr std::size_t kMaxShown = 200;

/// Why listening at `where` failed, from errno.
NetError listening_error(const std::string& where) {
  const int error = errno;
  const NetErrc code =
      error == EADDRINUSE                 ? NetErrc::kInUse
      : error == EACCES || error == EPERM ? NetErrc::kPermission
      : error == EADDRNOTAVAIL || error == ENOENT || error == ENOTDIR || error == EAFNOSUPPORT
          ? NetErrc::kNotHere
          : NetErrc::kSystem;
  return {code, error, where};
}

/// What to do about it. The path of a unix socket has other troubles than a port.
const char* advice_for(const NetError& error) {
  const bool is_unix = error.where.starts_with(kUnixPrefix);
  switch (error.code) {
    case NetErrc::kBadAddress:
      return " (write host:port, [v6 address]:port, a port of loopback or unix:/path)";
    case NetErrc::kNotHere:
      return is_unix ? " (the directory of the socket has to be there first)"
                     : " (give an address that this machine has)";
    case NetErrc::kInUse:
      return is_unix
                 ? " (another server listens there, or what has that name is no socket; give "
                   "another path)"
                 : " (is another server running? is the address given twice? choose another port)";
    case NetErrc::kPermission:
      return is_unix ? " (the directory of the socket has to be writable for this user)"
                     : " (ports below 1024 need root or CAP_NET_BIND_SERVICE)";
    case NetErrc::kSystem:
      break;
  }
  return error.os_error == EMFILE ? " (allow more; systemd: LimitNOFILE, shell: ulimit -n)" : "";
}

bool set_option(int fd, int level, int option) {
  const int on = 1;
  return ::setsockopt(fd, level, option, &on, sizeof on) == 0;
}

UniqueFd open_socket(int family) {
  return UniqueFd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/// Whether binding would fail because somebody listens there. A plain socket cannot be bound beside
/// any listener, a SO_REUSEPORT one can.
bool is_taken(const SocketAddress& address) {
  const UniqueFd probe = open_socket(address.family());
  return probe && set_option(probe.get(), SOL_SOCKET, SO_REUSEADDR) &&
         ::bind(probe.get(), address.data(), address.size()) != 0 && errno == EADDRINUSE;
}

/// Removes the file of a unix socket nobody listens on any more; another kind of file is left
/// alone.
void remove_stale_socket(const SocketAddress& address, const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) {
    return;
  }
  const UniqueFd probe = open_socket(AF_UNIX);
  if (probe && ::connect(probe.get(), address.data(), address.size()) != 0 &&
      errno == ECONNREFUSED) {
    ::unlink(path.c_str());
  }
}

}  // namespace

std::string to_string(const NetError& error) {
  const bool is_long = error.where.size() > kMaxShown;
  return "cannot use " + printable(std::string_view(error.where).substr(0, kMaxShown)) +
         (is_long ? "..." : "") + ": " +
         (error.os_error == 0 ? "not an address" : std::strerror(error.os_error)) +
         advice_for(error);
}

Result<SocketAddress, NetError> SocketAddress::parse(const std::string& text) {
  const Err bad{NetError{NetErrc::kBadAddress, 0, text}};
  SocketAddress address;
  if (text.starts_with(kUnixPrefix)) {
    const std::string_view path = std::string_view(text).substr(kUnixPrefix.size());
    auto* unix_address = reinterpret_cast<sockaddr_un*>(&address.storage_);
    if (path.empty() || path.size() >= sizeof unix_address->sun_path ||
        path.find('\0') != std::string_view::npos) {
      return bad;
    }
    unix_address->sun_family = AF_UNIX;
    path.copy(unix_address->sun_path, path.size());
    address.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    return address;
  }
  const std::string whole = with_loopback(text);
  const std::size_t colon = whole.rfind(':');
  if (colon == std::string::npos) {
    return bad;
  }
  std::uint16_t port = 0;
  const char* const end = whole.data() + whole.size();
  const auto [stop, error] = std::from_chars(whole.data() + colon + 1, end, port);
  if (error != std::errc{} || stop != end) {
    return bad;
  }
  std::string host = whole.substr(0, colon);
  if (host == "localhost") {
    host = "127.0.0.1";
  } else if (host == "*") {
    host = "[::]";
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage_);
    if (::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6->sin6_addr) != 1) {
      return bad;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size_ = sizeof *v6;
    return address;
  }
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage_);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) != 1) {
    return bad;
  }
  v4->sin_family = AF_INET;
  v4->sin_port = htons(port);
  address.size_ = sizeof *v4;
  return address;
}

SocketAddress SocketAddress::of_local(int fd) {
  SocketAddress address;
  address.size_ = sizeof address.storage_;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage_), &address.size_) != 0) {
    address.size_ = 0;
  }
  return address;
}

std::string SocketAddress::text() const {
  char host[INET6_ADDRSTRLEN] = "";
  switch (storage_.ss_family) {
    case AF_UNIX:
      return std::string(kUnixPrefix) + reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path;
    case AF_INET6: {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage_);
      ::inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
      return "[" + std::string(host) + "]:" + std::to_string(ntohs(v6->sin6_port));
    }
    case AF_INET: {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage_);
      ::inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
      return std::string(host) + ":" + std::to_string(ntohs(v4->sin_port));
    }
    default:
      return "unknown";
  }
}

Result<Listener, NetError> Listener::open(const std::string& text, int backlog,
                                          AddressSharing sharing) {
  MUSTER_TRY(const SocketAddress address, SocketAddress::parse(text));
  const bool is_unix = address.family() == AF_UNIX;
  const std::string path = is_unix ? text.substr(kUnixPrefix.size()) : std::string();
  if (is_unix) {
    remove_stale_socket(address, path);
  } else if (sharing == AddressSharing::kExclusive && is_taken(address)) {
    return Err{NetError{NetErrc::kInUse, EADDRINUSE, text}};
  }
  UniqueFd fd = open_socket(address.family());
  const bool is_ready = fd && (is_unix || (set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR) &&
                                           set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT)));
  if (!is_ready || ::bind(fd.get(), address.data(), address.size()) != 0) {
    return Err{listening_error(text)};
  }
  Listener listener(std::move(fd), {}, path);
  if (::listen(listener.fd(), backlog) != 0) {
    return Err{listening_error(text)};
  }
  listener.address_ = SocketAddress::of_local(listener.fd()).text();
  return listener;
}

Listener& Listener::operator=(Listener&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(address_, other.address_);
  std::swap(path_, other.path_);
  return *this;
}

Listener::~Listener() {
  if (fd_ && !path_.empty()) {
    ::unlink(path_.c_str());
  }
}

Result<UniqueFd, NetError> start_connect(const SocketAddress& address) {
  UniqueFd fd = open_socket(address.family());
  if (!fd || (::connect(fd.get(), address.data(), address.size()) != 0 && errno != EINPROGRESS)) {
    return Err{NetError{NetErrc::kSystem, errno, address.text()}};
  }
  set_no_delay(fd.get());
  return fd;
}

IpAddress peer_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  return ::getpeername(fd, address, &size) == 0 ? ip_of(address) : IpAddress();
}

IpAddress ip_of(const sockaddr* address) {
  const auto from = [&](std::size_t offset, auto in_address) {
    std::memcpy(&in_address, reinterpret_cast<const char*>(address) + offset, sizeof in_address);
    return IpAddress::from_octets(
        {reinterpret_cast<const std::uint8_t*>(&in_address), sizeof in_address});
  };
  switch (address->sa_family) {
    case AF_INET:
      return from(offsetof(sockaddr_in, sin_addr), in_addr{});
    case AF_INET6:
      return from(offsetof(sockaddr_in6, sin6_addr), in6_addr{});
    default:
      return {};
  }
}

void set_no_delay(int fd) { set_option(fd, IPPROTO_TCP, TCP_NODELAY); }

}  // namespace muster::net
