#pragma once

#include <array>

#include "muster/base/bytes.h"
#include "muster/base/words.h"

namespace muster::store {

/// SipHash-2-4 with 128-bit output (Aumasson, Bernstein 2012), octets read little endian.
/// Appends pieces of one message; finish() once.
class SipHash {
 public:
  using Key = std::array<std::uint8_t, 16>;
  struct Digest {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    friend bool operator==(const Digest&, const Digest&) = default;
  };

  explicit SipHash(const Key& key) {
    const std::uint64_t k0 = load_little(key.data());
    const std::uint64_t k1 = load_little(key.data() + 8);
    v0_ ^= k0;
    v1_ ^= k1 ^ 0xee;
    v2_ ^= k0;
    v3_ ^= k1;
  }

  /// Inlined wherever it is called: the state stays in registers from piece to piece.
  [[gnu::always_inline]] void add(Bytes data) {
    const std::uint8_t* next = data.data();
    std::size_t left = data.size();
    const auto held = static_cast<unsigned>(8 * (length_ % 8));  // bits of tail_ that are taken
    length_ += left;
    for (; left >= 8; left -= 8, next += 8) {
      const std::uint64_t word = load_little(next);
      compress(tail_ | word << held);
      tail_ = held == 0 ? 0 : word >> (64 - held);
    }
    std::uint64_t rest = 0;
    for (std::size_t i = 0; i < left; ++i) {
      rest |= std::uint64_t{next[i]} << (8 * i);
    }
    tail_ |= rest << held;
    if (held + 8 * left >= 64) {
      compress(tail_);
      tail_ = rest >> (64 - held);  // `held` is not 0: `left` is less than 8
    }
  }

  Digest finish() {
    compress(tail_ | (std::uint64_t{length_ & 0xff} << 56));
    v2_ ^= 0xee;
    finish_rounds();
    Digest digest;
    digest.low = v0_ ^ v1_ ^ v2_ ^ v3_;
    v1_ ^= 0xdd;
    finish_rounds();
    digest.high = v0_ ^ v1_ ^ v2_ ^ v3_;
    return digest;
  }

 private:
  static std::uint64_t rotate(std::uint64_t x, unsigned n) { return (x << n) | (x >> (64 - n)); }
  void compress(std::uint64_t word) {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }
  void finish_rounds() {
    for (int i = 0; i < 4; ++i) {
      round();
    }
  }
  void round() {
    v0_ += v1_;
    v1_ = rotate(v1_, 13) ^ v0_;
    v0_ = rotate(v0_, 32);
    v2_ += v3_;
    v3_ = rotate(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = rotate(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = rotate(v1_, 17) ^ v2_;
    v2_ = rotate(v2_, 32);
  }

  std::uint64_t v0_ = 0x736f6d6570736575;
  std::uint64_t v1_ = 0x646f72616e646f6d;
  std::uint64_t v2_ = 0x6c7967656e657261;
  std::uint64_t v3_ = 0x7465646279746573;
  std::uint64_t tail_ = 0;
  std::size_t length_ = 0;
};

}  // namespace muster::store
