#pragma once

#include "carrier.h"
#include "muster/net/address.h"

namespace muster::stapler {

/// HAProxy's runtime socket. Where HAProxy has no entry for the certificate it is made by a
/// transaction on the certificate, unless somebody else has one open. One of our own that the
/// socket left open, because it hung, is aborted before anything else is said.
std::unique_ptr<Carrier> make_haproxy_carrier(net::Loop& loop, const Clock& clock,
                                              net::SocketAddress address, Milliseconds timeout);

}  // namespace muster::stapler
