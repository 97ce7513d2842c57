#pragma once

#include "connect.h"

namespace muster::probe {

/// Shakes hands over `connection` and fills what a handshake tells (not the durations).
Result<ProbeResult, ProbeError> shake_hands(const ProbeRequest& request,
                                            const Connection& connection,
                                            const std::string& server_name, MonotonicTime deadline);

}  // namespace muster::probe
