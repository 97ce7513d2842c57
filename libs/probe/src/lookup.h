#pragma once

#include <netdb.h>
#include <sys/socket.h>

#include <memory>
#include <string>

#include "muster/base/time.h"
#include "muster/probe/probe.h"

namespace muster::probe {

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

/// Addresses of a name (or of an address as text), asked for on a thread of its own, because name
/// services know no deadline. At most 64 lookups run at a time, those included that nobody waits
/// for any more. (glibc's getaddrinfo_a would do the same on threads that sanitizers do not see.)
/// Errors: kResolve, kTimeout. Threads: any.
Result<AddressList, ProbeError> look_up(const std::string& host, std::uint16_t port,
                                        MonotonicTime deadline);

}  // namespace muster::probe
