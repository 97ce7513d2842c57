#pragma once

#include "muster/base/ip.h"

namespace muster {

/// From where an address can be reached, nearest first. Each rule that asks decides how near is
/// near enough.
enum class IpReach : std::uint8_t {
  kMachine,  ///< loopback
  kSite,     ///< a network of one's own: private, link-local, unique-local
  /// Neither that nor the public Internet: shared, multicast, reserved, documentation (IANA
  /// special-purpose registries), an IPv4 address that is not public inside an IPv6 one (NAT64,
  /// 6to4), and no address at all.
  kSpecial,
  kPublic,
};
IpReach reach_of(const IpAddress& address);

}  // namespace muster
