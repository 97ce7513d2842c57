#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace muster {

/// Octets somebody else owns. A view lives no longer than the buffer given to the call that made
/// it.
using Bytes = std::span<const std::uint8_t>;
/// Octets we own.
using Buffer = std::vector<std::uint8_t>;

inline Buffer to_buffer(Bytes b) { return Buffer(b.begin(), b.end()); }
inline Bytes as_bytes(std::string_view s) {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}
inline std::string_view as_text(Bytes b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}
/// Same octets. `std::span` has no operator==.
bool equal(Bytes a, Bytes b) noexcept;
/// Lexicographic order, shorter first among equals.
bool less(Bytes a, Bytes b) noexcept;

/// Lower-case hexadecimal, two digits an octet, no separators.
std::string to_hex(Bytes b);
/// Upper-case pairs joined by ':', as certificate viewers print serials.
std::string to_hex_colons(Bytes b);
/// Octets of hexadecimal text in either case; colons and blanks between pairs are skipped. Nothing
/// for an odd number of digits or another character.
std::optional<Buffer> from_hex(std::string_view text);

/// Heterogeneous, deterministic hash for octet keys (FNV-1a over 64 bits; not for hostile keys that
/// matter: containers fed by strangers must be bounded).
struct BytesHash {
  using is_transparent = void;
  std::size_t operator()(Bytes b) const noexcept;
  std::size_t operator()(const Buffer& b) const noexcept { return (*this)(Bytes(b)); }
};
struct BytesEqual {
  using is_transparent = void;
  bool operator()(Bytes a, Bytes b) const noexcept { return equal(a, b); }
};

}  // namespace muster
