#pragma once

#include "connect.h"
#include "starttls.h"

namespace muster::probe {

/// Talks over `connection` until TLS may begin. `domain` is the server's name as XMPP wants it.
/// Errors: those of StartTls::take, kTimeout, kClosed; the detail names the peer.
/// Precondition: has_starttls(protocol).
Result<Unit, ProbeError> ask_for_tls(Protocol protocol, const std::string& domain,
                                     const Connection& connection, MonotonicTime deadline);

}  // namespace muster::probe
