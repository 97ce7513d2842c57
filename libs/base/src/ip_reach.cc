#include "muster/base/ip_reach.h"

#include <algorithm>

namespace muster {
namespace {

struct Block4 {
  std::uint32_t first;
  unsigned bits;
  IpReach reach;
};
constexpr Block4 kBlocks4[] = {
    {0x00000000, 8, IpReach::kSpecial},   // this network
    {0x0a000000, 8, IpReach::kSite},      // private
    {0x64400000, 10, IpReach::kSpecial},  // shared (carrier NAT)
    {0x7f000000, 8, IpReach::kMachine},   // loopback
    {0xa9fe0000, 16, IpReach::kSite},     // link-local: cloud metadata services live here
    {0xac100000, 12, IpReach::kSite},     // private
    {0xc0000000, 24, IpReach::kSpecial},  // protocol assignments
    {0xc0000200, 24, IpReach::kSpecial},  // documentation
    {0xc0a80000, 16, IpReach::kSite},     // private
    {0xc6120000, 15, IpReach::kSpecial},  // benchmarks
    {0xc6336400, 24, IpReach::kSpecial},  // documentation
    {0xcb007100, 24, IpReach::kSpecial},  // documentation
    {0xe0000000, 3, IpReach::kSpecial},   // multicast, reserved, broadcast
};

IpReach reach4(Bytes octets) {
  const std::uint32_t address = (std::uint32_t{octets[0]} << 24) |
                                (std::uint32_t{octets[1]} << 16) | (std::uint32_t{octets[2]} << 8) |
                                octets[3];
  const auto* const block =
      std::find_if(std::begin(kBlocks4), std::end(kBlocks4),
                   [&](const Block4& b) { return (address ^ b.first) >> (32 - b.bits) == 0; });
  return block == std::end(kBlocks4) ? IpReach::kPublic : block->reach;
}

/// Of an IPv4 address inside an IPv6 one: a translator somewhere hands it on, so it is nobody's
/// own.
IpReach reach_embedded(Bytes octets) {
  return reach4(octets) == IpReach::kPublic ? IpReach::kPublic : IpReach::kSpecial;
}

IpReach reach6(Bytes octets) {
  constexpr std::array<std::uint8_t, 12> kNat64 = {0, 0x64, 0xff, 0x9b};
  constexpr std::array<std::uint8_t, 16> kLoopback = {0, 0, 0, 0, 0, 0, 0, 0,
                                                      0, 0, 0, 0, 0, 0, 0, 1};
  if (equal(octets, kLoopback)) {
    return IpReach::kMachine;
  }
  if (equal(octets.first(kNat64.size()), kNat64)) {
    return reach_embedded(octets.subspan(12));
  }
  if (octets[0] == 0x20 && octets[1] == 0x02) {  // 6to4
    return reach_embedded(octets.subspan(2));
  }
  const bool is_link_local = octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
  const bool is_unique_local = (octets[0] & 0xfe) == 0xfc;
  if (is_link_local || is_unique_local) {
    return IpReach::kSite;
  }
  const bool is_global_unicast = (octets[0] & 0xe0) == 0x20;  // 2000::/3
  const bool is_documentation =
      octets[0] == 0x20 && octets[1] == 0x01 && octets[2] == 0x0d && octets[3] == 0xb8;
  return is_global_unicast && !is_documentation ? IpReach::kPublic : IpReach::kSpecial;
}

}  // namespace

IpReach reach_of(const IpAddress& address) {
  if (!address.is_known()) {
    return IpReach::kSpecial;
  }
  return address.octets().size() == 4 ? reach4(address.octets()) : reach6(address.octets());
}

}  // namespace muster
