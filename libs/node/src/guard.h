#pragma once

#include <string>
#include <vector>

#include "muster/http/message.h"

namespace muster::node {

/// Why a request that reached an admin or push listener is refused for where it comes from; empty:
/// it is not.
/// - It names a host that is no address, not localhost and not configured: a web page that had its
/// name point at us (DNS rebinding).
/// - It carries Origin, or Sec-Fetch-Site other than "none": a web page in the operator's browser
/// sent it (CSRF). `is_unix`: no browser gets there, and hosts mean nothing.
std::string refuse_origin(const http::RequestView& request, bool is_unix,
                          const std::vector<std::string>& hosts);

}  // namespace muster::node
