#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace muster::pki {

/// MD5 (RFC 1321) in lower-case hexadecimal, for names of files that other programs make so;
/// nothing may trust it. Nothing where OpenSSL is configured without it (FIPS). Threads: any.
std::optional<std::string> md5_hex(std::string_view text);

}  // namespace muster::pki
