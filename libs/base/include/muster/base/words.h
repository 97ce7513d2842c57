#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

// Eight octets taken as one number, the same on machines of either order of octets.
namespace muster {

/// A word with the octet `octet` in each of its eight places.
constexpr std::uint64_t eight_times(std::uint8_t octet) {
  return 0x0101010101010101U * std::uint64_t{octet};
}

/// The number whose lowest octet is the first of the eight at `octets`; any alignment.
inline std::uint64_t load_little(const void* octets) {
  std::uint64_t word = 0;
  std::memcpy(&word, octets, sizeof word);
  if constexpr (std::endian::native == std::endian::big) {
    word = __builtin_bswap64(word);
  }
  return word;
}

/// The number whose highest octet is the first of the eight at `octets`; any alignment.
inline std::uint64_t load_big(const void* octets) { return __builtin_bswap64(load_little(octets)); }

/// Writes `word` to the eight octets at `octets`, highest first; any alignment.
inline void store_big(std::uint64_t word, void* octets) {
  if constexpr (std::endian::native == std::endian::little) {
    word = __builtin_bswap64(word);
  }
  std::memcpy(octets, &word, sizeof word);
}

}  // namespace muster
