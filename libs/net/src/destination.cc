#include "destination.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace muster::net {
namespace {

struct Block4 {
  std::uint32_t first;
  unsigned bits;
};
constexpr Block4 kPrivate4[] = {
    {0x00000000, 8},   // this network
    {0x0a000000, 8},   // private
    {0x64400000, 10},  // shared (carrier NAT)
    {0x7f000000, 8},   // loopback
    {0xa9fe0000, 16},  // link-local: cloud metadata services live here
    {0xac100000, 12},  // private
    {0xc0000000, 24},  // protocol assignments
    {0xc0000200, 24},  // documentation
    {0xc0a80000, 16},  // private
    {0xc6120000, 15},  // benchmarks
    {0xc6336400, 24},  // documentation
    {0xcb007100, 24},  // documentation
    {0xe0000000, 3},   // multicast, reserved, broadcast
};

bool is_private4(std::uint32_t address) {
  return std::any_of(std::begin(kPrivate4), std::end(kPrivate4), [&](const Block4& block) {
    return (address ^ block.first) >> (32 - block.bits) == 0;
  });
}

std::uint32_t read4(std::span<const std::uint8_t> octets) {
  return (std::uint32_t{octets[0]} << 24) | (std::uint32_t{octets[1]} << 16) |
         (std::uint32_t{octets[2]} << 8) | octets[3];
}

bool is_private6(std::span<const std::uint8_t, 16> octets) {
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  constexpr std::array<std::uint8_t, 12> kNat64 = {0, 0x64, 0xff, 0x9b};
  const auto starts_with = [&](const auto& prefix) {
    return std::equal(prefix.begin(), prefix.end(), octets.begin());
  };
  if (starts_with(kMapped) || starts_with(kNat64)) {
    return is_private4(read4(octets.subspan(12)));
  }
  if (octets[0] == 0x20 && octets[1] == 0x02) {  // 6to4
    return is_private4(read4(octets.subspan(2)));
  }
  const bool is_global_unicast = (octets[0] & 0xe0) == 0x20;  // 2000::/3
  const bool is_documentation =
      octets[0] == 0x20 && octets[1] == 0x01 && octets[2] == 0x0d && octets[3] == 0xb8;
  return !is_global_unicast || is_documentation;
}

}  // namespace

bool is_private_destination(const sockaddr* address) {
  switch (address->sa_family) {
    case AF_INET: {
      sockaddr_in v4{};
      std::memcpy(&v4, address, sizeof v4);
      return is_private4(ntohl(v4.sin_addr.s_addr));
    }
    case AF_INET6: {
      sockaddr_in6 v6{};
      std::memcpy(&v6, address, sizeof v6);
      return is_private6(v6.sin6_addr.s6_addr);
    }
    default:
      return true;
  }
}

}  // namespace muster::net
