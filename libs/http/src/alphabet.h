#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace muster::http {

inline constexpr std::uint8_t kNoDigit = 0xff;

/// Value of each base64 digit of RFC 4648 section 4, kNoDigit for other octets.
constexpr std::array<std::uint8_t, 256> make_standard_values() {
  std::array<std::uint8_t, 256> values{};
  for (auto& value : values) {
    value = kNoDigit;
  }
  for (unsigned i = 0; i < 26; ++i) {
    values['A' + i] = static_cast<std::uint8_t>(i);
    values['a' + i] = static_cast<std::uint8_t>(26 + i);
  }
  for (unsigned i = 0; i < 10; ++i) {
    values['0' + i] = static_cast<std::uint8_t>(52 + i);
  }
  values['+'] = 62;
  values['/'] = 63;
  return values;
}

/// The same with base64url's digits (section 5) and the blank that stands where form decoding found
/// a '+'.
constexpr std::array<std::uint8_t, 256> make_tolerant_values() {
  std::array<std::uint8_t, 256> values = make_standard_values();
  values['-'] = 62;
  values['_'] = 63;
  values[' '] = 62;
  return values;
}

/// Value of each hexadecimal digit in either case.
constexpr std::array<std::uint8_t, 256> make_hex_values() {
  std::array<std::uint8_t, 256> values{};
  for (auto& value : values) {
    value = kNoDigit;
  }
  for (unsigned i = 0; i < 10; ++i) {
    values['0' + i] = static_cast<std::uint8_t>(i);
  }
  for (unsigned i = 0; i < 6; ++i) {
    values['a' + i] = static_cast<std::uint8_t>(10 + i);
    values['A' + i] = static_cast<std::uint8_t>(10 + i);
  }
  return values;
}

/// Four digits at a time: the or of the four places' values is three octets, the first in the
/// highest of them; kNoQuad is in it when one is no digit.
inline constexpr std::uint32_t kNoQuad = 0x80000000U;
using QuadValues = std::array<std::array<std::uint32_t, 256>, 4>;
constexpr QuadValues make_quad_values(const std::array<std::uint8_t, 256>& digits) {
  QuadValues values{};
  for (std::size_t place = 0; place < 4; ++place) {
    for (std::size_t c = 0; c < 256; ++c) {
      values[place][c] = digits[c] == kNoDigit
                             ? kNoQuad
                             : std::uint32_t{digits[c]} << (18 - 6 * static_cast<unsigned>(place));
    }
  }
  return values;
}

inline constexpr std::array<std::uint8_t, 256> kStandardValues = make_standard_values();
inline constexpr std::array<std::uint8_t, 256> kTolerantValues = make_tolerant_values();
inline constexpr QuadValues kTolerantQuads = make_quad_values(kTolerantValues);
inline constexpr std::array<std::uint8_t, 256> kHexValues = make_hex_values();

}  // namespace muster::http
