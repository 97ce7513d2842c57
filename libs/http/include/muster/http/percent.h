#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace muster::http {

/// Percent-escapes decoded once, as in a path: '+' stays '+' (RFC 3986 section 2.1). Nothing: '%'
/// without two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace muster::http
