#pragma once

#include <netdb.h>

#include "muster/base/file.h"
#include "muster/probe/probe.h"
#include "socket_io.h"

namespace muster::probe {

/// Addresses of one name that are tried; behind them somebody's zone is a joke.
inline constexpr std::size_t kMaxAddresses = 16;
/// How long an address may be silent before the next is tried beside it (RFC 8305 section 5).
inline constexpr Milliseconds kAttemptDelay{250};

struct Connection {
  UniqueFd fd;  ///< non-blocking
  std::string peer_address;
  std::vector<AddressFailure> failures{};  ///< other addresses that were tried
};
/// Looks `host` up and connects to the address that answers first.
/// Errors: kBadRequest, kResolve, kConnect, kTimeout.
Result<Connection, ProbeError> connect_to(const std::string& host, std::uint16_t port,
                                          MonotonicTime deadline);
/// The addresses in their order, families taking turns (RFC 8305 section 4): each begins when the
/// one before has failed or been silent for kAttemptDelay (less when there is less time for each).
/// Errors: kConnect (all failed), kTimeout; the detail names every address.
Result<Connection, ProbeError> connect_to_any(const addrinfo* addresses, MonotonicTime deadline);
/// Errors: kBadRequest (a path longer than sockets have them), kConnect, kTimeout.
Result<Connection, ProbeError> connect_to_unix(const std::string& path, MonotonicTime deadline);

/// Whether this is a literal IPv4 or IPv6 address.
bool is_address(const std::string& host);

}  // namespace muster::probe
