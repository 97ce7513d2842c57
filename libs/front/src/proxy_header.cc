#include "proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

namespace muster::front {
namespace {

struct Ends {
  sockaddr_storage source{};
  sockaddr_storage destination{};
  [[nodiscard]] bool are_of(int family) const {
    return source.ss_family == family && destination.ss_family == family;
  }
};

Ends ends_of(int fd) {
  Ends ends;
  socklen_t size = sizeof ends.source;
  ::getpeername(fd, reinterpret_cast<sockaddr*>(&ends.source), &size);
  size = sizeof ends.destination;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&ends.destination), &size);
  return ends;
}

std::string host_text(const sockaddr_storage& end) {
  char host[INET6_ADDRSTRLEN] = "";
  if (end.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&end)->sin_addr, host, sizeof host);
  } else {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&end)->sin6_addr, host,
                sizeof host);
  }
  return host;
}

/// In network order; at the same place for both families.
std::uint16_t port_of(const sockaddr_storage& end) {
  return reinterpret_cast<const sockaddr_in*>(&end)->sin_port;
}

Buffer make_v1(const Ends& ends) {
  if (!ends.are_of(AF_INET) && !ends.are_of(AF_INET6)) {
    return to_buffer(as_bytes("PROXY UNKNOWN\r\n"));
  }
  const std::string line = std::string("PROXY ") + (ends.are_of(AF_INET) ? "TCP4 " : "TCP6 ") +
                           host_text(ends.source) + " " + host_text(ends.destination) + " " +
                           std::to_string(ntohs(port_of(ends.source))) + " " +
                           std::to_string(ntohs(port_of(ends.destination))) + "\r\n";
  return to_buffer(as_bytes(line));
}

void append(Buffer& out, const void* data, std::size_t size) {
  const auto* octets = static_cast<const std::uint8_t*>(data);
  out.insert(out.end(), octets, octets + size);
}

void append_addresses(Buffer& out, const Ends& ends) {
  for (const sockaddr_storage* end : {&ends.source, &ends.destination}) {
    if (ends.are_of(AF_INET)) {
      append(out, &reinterpret_cast<const sockaddr_in*>(end)->sin_addr, 4);
    } else {
      append(out, &reinterpret_cast<const sockaddr_in6*>(end)->sin6_addr, 16);
    }
  }
  for (const sockaddr_storage* end : {&ends.source, &ends.destination}) {
    const std::uint16_t port = port_of(*end);
    append(out, &port, sizeof port);
  }
}

Buffer make_v2(const Ends& ends) {
  static constexpr std::array<std::uint8_t, 12> kSignature = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                              0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
  Buffer out(kSignature.begin(), kSignature.end());
  if (ends.are_of(AF_INET)) {
    out.insert(out.end(), {0x21, 0x11, 0, 12});  // PROXY, TCP over IPv4, twelve octets of addresses
    append_addresses(out, ends);
  } else if (ends.are_of(AF_INET6)) {
    out.insert(out.end(), {0x21, 0x21, 0, 36});  // PROXY, TCP over IPv6
    append_addresses(out, ends);
  } else {
    out.insert(out.end(), {0x20, 0x00, 0, 0});  // LOCAL
  }
  return out;
}

}  // namespace

Buffer make_proxy_header(ProxyProtocol protocol, int client_fd) {
  switch (protocol) {
    case ProxyProtocol::kNone:
      return {};
    case ProxyProtocol::kV1:
      return make_v1(ends_of(client_fd));
    case ProxyProtocol::kV2:
      return make_v2(ends_of(client_fd));
  }
  return {};
}

}  // namespace muster::front
