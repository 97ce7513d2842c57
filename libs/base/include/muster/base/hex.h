#pragma once

namespace muster {

/// Value of a hexadecimal digit in either case; negative for every other character.
constexpr int hex_value(char c) {
  const auto digit = static_cast<unsigned char>(c - '0');
  if (digit < 10) {
    return digit;
  }
  const auto letter = static_cast<unsigned char>((c | 0x20) - 'a');
  return letter < 6 ? 10 + letter : -1;
}

}  // namespace muster
