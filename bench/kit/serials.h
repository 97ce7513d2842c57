#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

// The serials of every benchmark: certificate number i of however many has the same one in the
// source files, in the store and in the requests. bench/responder/serials.py says the same in
// Python.
namespace muster::bench {

inline constexpr std::size_t kSerialOctets = 16;

/// A bijection that looks like chance (splitmix64's finish).
constexpr std::uint64_t scrambled(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

/// Content octets of a positive INTEGER, 16 of them always.
constexpr std::array<std::uint8_t, kSerialOctets> serial_of(std::uint64_t index) {
  std::array<std::uint8_t, kSerialOctets> out{};
  const std::uint64_t halves[2] = {scrambled(2 * index), scrambled(2 * index + 1)};
  for (std::size_t i = 0; i < kSerialOctets; ++i) {
    out[i] = static_cast<std::uint8_t>(halves[i / 8] >> (56 - 8 * (i % 8)));
  }
  out[0] = static_cast<std::uint8_t>((out[0] & 0x3fU) | 0x40U);
  return out;
}

/// One in ten is revoked.
constexpr bool is_revoked(std::uint64_t index) { return index % 10 == 9; }

}  // namespace muster::bench
