#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muster::http {

/// The parts of an absolute http or https URL (RFC 3986). Guarantees: scheme and host in lower
/// case, host not empty and made of permitted characters, port 1..65535. Does not say that the host
/// exists or may be asked.
struct Url {
  std::string scheme;      ///< "http" or "https"
  std::string host;        ///< "[::1]" keeps its brackets
  std::uint16_t port = 0;  ///< the scheme's when not written
  std::string path;        ///< raw; empty or begins with '/'
  std::string query;       ///< raw, without '?'
  bool has_query = false;
};

/// Nothing for another scheme, user information ("user@"), blanks, control characters or octets
/// beyond ASCII: certificates carry such URLs by mistake or with intent.
std::optional<Url> parse_url(std::string_view text);

}  // namespace muster::http
