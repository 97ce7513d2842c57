#pragma once

#include "muster/base/file.h"
#include "muster/probe/probe.h"

namespace muster::probe {

/// Time left until an instant, never negative.
Milliseconds left_until(MonotonicTime deadline);

enum class Readiness : std::uint8_t { kRead, kWrite };
/// Whether `fd` became ready before the deadline (an error on it counts as ready: the next call
/// tells).
bool wait_until_ready(int fd, Readiness what, MonotonicTime deadline);

struct Connection {
  UniqueFd fd;  ///< non-blocking
  std::string peer_address;
};
/// Looks `host` up and connects to the first of its addresses that answers.
/// Errors: kBadRequest, kResolve, kConnect, kTimeout.
Result<Connection, ProbeError> connect_to(const std::string& host, std::uint16_t port,
                                          MonotonicTime deadline);

/// Whether this is a literal IPv4 or IPv6 address.
bool is_address(const std::string& host);

}  // namespace muster::probe
