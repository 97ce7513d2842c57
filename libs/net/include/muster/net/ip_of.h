#pragma once

#include <sys/socket.h>

#include "muster/base/ip.h"

namespace muster::net {

/// The address in a socket address; none in that of a unix socket or another family.
IpAddress ip_of(const sockaddr* address);

}  // namespace muster::net
