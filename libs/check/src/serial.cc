#include <algorithm>
#include <optional>

#include "muster/base/text.h"
#include "muster/check/prepare.h"

namespace muster::check {
namespace {

bool is_decimal(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The number in hexadecimal; nothing beyond kMaxSerialOctets.
std::optional<std::string> hex_of_decimal(std::string_view digits) {
  Buffer number;  // little-endian
  for (const char digit : digits) {
    unsigned carry = static_cast<unsigned>(digit - '0');
    for (std::uint8_t& octet : number) {
      carry += octet * 10U;
      octet = static_cast<std::uint8_t>(carry & 0xffU);
      carry >>= 8;
    }
    if (carry != 0) {
      number.push_back(static_cast<std::uint8_t>(carry));
    }
    if (number.size() > kMaxSerialOctets) {
      return std::nullopt;
    }
  }
  std::reverse(number.begin(), number.end());
  return number.empty() ? "00" : to_hex(number);
}

bool cut(std::string_view& text, std::string_view prefix) {
  if (text.size() < prefix.size() || !iequals(text.substr(0, prefix.size()), prefix)) {
    return false;
  }
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

Result<Serial, std::string> parse_serial(std::string_view text) {
  const auto wrong = [text] {
    return Err{"'" + printable(text) +
               "' is not a serial number; wanted: hexadecimal (04A1, 04:a1, 0x4a1) of at most " +
               std::to_string(kMaxSerialOctets) + " octets, or decimal=1185"};
  };
  std::string_view rest = trim(text);
  cut(rest, "serial=");  // as openssl x509 -serial prints it
  rest = trim(rest);
  const bool negative = cut(rest, "-");
  std::string digits;
  if (cut(rest, "decimal=")) {
    const auto hex = is_decimal(rest) ? hex_of_decimal(rest) : std::nullopt;
    if (!hex) {
      return wrong();
    }
    digits = *hex;
  } else {
    cut(rest, "0x");
    for (std::size_t i = 0; i < rest.size(); ++i) {
      if (rest[i] != ':' && rest[i] != ' ') {
        digits += rest[i];
      } else if (i == 0 || i + 1 == rest.size() || rest[i + 1] == ':' || rest[i + 1] == ' ') {
        return wrong();  // separators stand alone between digits
      }
    }
  }
  const auto serial =
      digits.empty() ? std::nullopt : Serial::from_hex((negative ? "-" : "") + digits);
  if (!serial) {
    return wrong();
  }
  return *serial;
}

}  // namespace muster::check
