#pragma once

#include <string_view>

namespace muster::http {

/// Whether an If-None-Match header, a list of entity tags or "*", names this quoted tag (RFC 9110
/// section 13.1.2; weak comparison).
bool names_etag(std::string_view header, std::string_view etag);

}  // namespace muster::http
