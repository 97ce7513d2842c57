#pragma once

#include <sys/socket.h>

namespace muster::net {

/// Whether an address lies outside the public Internet: loopback, private, link-local, shared,
/// multicast, reserved (IANA special-purpose registries), also when written inside an IPv6 address
/// (mapped, NAT64, 6to4). Other families count as private.
bool is_private_destination(const sockaddr* address);

}  // namespace muster::net
