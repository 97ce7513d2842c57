#pragma once

#include "carrier.h"
#include "muster/net/address.h"

namespace muster::stapler {

/// HAProxy's runtime socket. Where HAProxy has no entry for the certificate it is made by a
/// transaction on the certificate, unless somebody else has one open.
std::unique_ptr<Carrier> make_haproxy_carrier(net::Loop& loop, net::SocketAddress address,
                                              Milliseconds timeout);

}  // namespace muster::stapler
