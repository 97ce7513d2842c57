#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "muster/base/bytes.h"

namespace muster::http {

/// RFC 4648 section 4: standard alphabet, padded, no line breaks.
std::string base64_encode(Bytes octets);
/// Reads exactly what base64_encode writes: padded, nothing outside the alphabet, unused bits zero.
std::optional<Buffer> base64_decode(std::string_view text);

}  // namespace muster::http
