#pragma once

#include <string>
#include <string_view>

namespace muster::stapler {

/// MD5 (RFC 1321) in lower-case hexadecimal. hitch names its staple files so; nothing here may
/// trust it.
std::string md5_hex(std::string_view text);

}  // namespace muster::stapler
