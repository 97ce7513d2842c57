#pragma once

#include "muster/base/bytes.h"
#include "muster/front/front.h"

namespace muster::front {

/// What tells the upstream who the client is: HAProxy's PROXY protocol, version 1 (text) or 2
/// (binary). "UNKNOWN" or "LOCAL" for clients without an IP address. Empty for kNone.
Buffer make_proxy_header(ProxyProtocol protocol, int client_fd);

}  // namespace muster::front
