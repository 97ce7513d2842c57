#pragma once

#include <optional>
#include <string_view>

#include "muster/der/pkix.h"

namespace muster {

/// A serial as CAs' own programs write it: hexadecimal digits in either case and nothing else, '-'
/// in front of a negative one. Zeros in front say nothing, however many there are.
/// Serial::from_hex() is kinder: it skips blanks around and colons.
/// \return Nothing without a digit, with any other character, or beyond kMaxSerialOctets.
/// Threads: pure, any thread.
std::optional<Serial> parse_serial_digits(std::string_view text);

}  // namespace muster
