#include "md5.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "muster/base/bytes.h"

namespace muster::stapler {
namespace {

constexpr std::size_t kBlock = 64;
using State = std::array<std::uint32_t, 4>;

/// The table T of RFC 1321 section 3.4: 2^32 times |sin(i)|.
std::array<std::uint32_t, 64> make_table() {
  std::array<std::uint32_t, 64> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] =
        static_cast<std::uint32_t>(std::fabs(std::sin(static_cast<double>(i + 1))) * 4294967296.0);
  }
  return table;
}

void add_block(State& state, const std::uint8_t* block) {
  static const std::array<std::uint32_t, 64> kTable = make_table();
  static constexpr int kShift[4][4] = {
      {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  std::array<std::uint32_t, 16> words{};
  for (std::size_t i = 0; i < kBlock; ++i) {
    words[i / 4] |= static_cast<std::uint32_t>(block[i]) << (8 * (i % 4));
  }
  auto [a, b, c, d] = state;
  for (std::size_t i = 0; i < 64; ++i) {
    std::uint32_t mixed = 0;
    std::size_t word = 0;
    switch (i / 16) {
      case 0:
        mixed = (b & c) | (~b & d);
        word = i;
        break;
      case 1:
        mixed = (d & b) | (~d & c);
        word = (5 * i + 1) % 16;
        break;
      case 2:
        mixed = b ^ c ^ d;
        word = (3 * i + 5) % 16;
        break;
      default:
        mixed = c ^ (b | ~d);
        word = 7 * i % 16;
    }
    const std::uint32_t turned =
        std::rotl(a + mixed + kTable[i] + words[word], kShift[i / 16][i % 4]);
    a = d;
    d = c;
    c = b;
    b += turned;
  }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d};
}

}  // namespace

std::string md5_hex(std::string_view text) {
  std::string padded(text);
  padded += static_cast<char>(0x80);
  padded.resize((padded.size() + 8 + kBlock - 1) / kBlock * kBlock - 8, '\0');
  const std::uint64_t bits = static_cast<std::uint64_t>(text.size()) * 8;
  for (unsigned i = 0; i < 8; ++i) {
    padded += static_cast<char>(bits >> (8 * i) & 0xff);
  }
  State state = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u};
  const Bytes octets = as_bytes(padded);
  for (std::size_t at = 0; at < octets.size(); at += kBlock) {
    add_block(state, octets.data() + at);
  }
  Buffer out;
  for (const std::uint32_t word : state) {
    for (unsigned i = 0; i < 4; ++i) {
      out.push_back(static_cast<std::uint8_t>(word >> (8 * i) & 0xff));
    }
  }
  return to_hex(out);
}

}  // namespace muster::stapler
