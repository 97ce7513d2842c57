#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>
#include <vector>

#include "muster/base/bytes.h"

namespace muster::responder {

/// What every entry of an AnswerTable has.
struct AnswerEntry {
  Buffer cert_id;             ///< octets as asked; empty: a free place
  std::uint32_t variant = 0;  ///< which of several answers for them: see variant_of()
  std::uint64_t hash = 0;
  std::uint64_t last_used = 0;
};

/// Bounded memory by CertID octets and variant. Sets of eight places: a lookup compares at most
/// eight, whatever strangers send, and the place unused for longest in a set makes room. `Entry`
/// derives from AnswerEntry. Threads: one at a time.
template <class Entry>
class AnswerTable {
 public:
  /// \param capacity  entries, rounded down to a power of two, eight at least; zero remembers
  /// nothing
  explicit AnswerTable(std::size_t capacity)
      : places_(capacity == 0 ? 0 : std::bit_floor(std::max(capacity, kWays) / kWays) * kWays),
        seed_(draw_seed()) {}

  /// The entry for these CertID octets in this variant, if remembered. Valid until the next claim()
  /// or clear().
  Entry* find(Bytes cert_id, std::uint32_t variant) {
    return places_.empty() ? nullptr : find(cert_id, variant, hash(cert_id, variant));
  }

  /// A place for `cert_id` in this variant (the one it has already, if any); nothing when nothing
  /// is remembered. What the place held of another CertID is still there: all of it must be
  /// overwritten.
  Entry* claim(Bytes cert_id, std::uint32_t variant) {
    if (places_.empty()) {
      return nullptr;
    }
    const std::uint64_t h = hash(cert_id, variant);
    if (Entry* there = find(cert_id, variant, h)) {
      return there;
    }
    Entry* const set = &places_[first_of(h)];
    Entry* const oldest = std::min_element(
        set, set + kWays, [](const Entry& a, const Entry& b) { return a.last_used < b.last_used; });
    oldest->cert_id.assign(cert_id.begin(), cert_id.end());
    oldest->variant = variant;
    oldest->hash = h;
    oldest->last_used = ++uses_;
    return oldest;
  }
  void clear() { std::fill(places_.begin(), places_.end(), Entry{}); }
  [[nodiscard]] std::size_t capacity() const { return places_.size(); }

 private:
  static constexpr std::size_t kWays = 8;

  [[nodiscard]] std::size_t first_of(std::uint64_t h) const {
    return (h & (places_.size() / kWays - 1)) * kWays;
  }
  Entry* find(Bytes cert_id, std::uint32_t variant, std::uint64_t h) {
    Entry* const set = &places_[first_of(h)];
    for (Entry* entry = set; entry != set + kWays; ++entry) {
      if (entry->hash == h && entry->variant == variant && equal(entry->cert_id, cert_id)) {
        entry->last_used = ++uses_;
        return entry;
      }
    }
    return nullptr;
  }

  static std::uint64_t draw_seed() {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32U) | device();
  }
  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
  }
  [[nodiscard]] std::uint64_t hash(Bytes cert_id, std::uint32_t variant) const {
    // The multipliers are fixed and dense in both digits: a drawn one can be so bad that all keys
    // share a few sets.
    constexpr std::uint64_t kFirst = 0x9e3779b97f4a7c15U;
    constexpr std::uint64_t kLast = 0xd6e8feb86659fd93U;
    std::uint64_t h = seed_ ^ cert_id.size() ^ (std::uint64_t{variant} << 32U);
    while (!cert_id.empty()) {
      std::uint64_t chunk = 0;
      const std::size_t n = std::min(sizeof chunk, cert_id.size());
      std::memcpy(&chunk, cert_id.data(), n);
      h = fold(h ^ chunk, kFirst) + seed_;
      cert_id = cert_id.subspan(n);
    }
    return fold(h, kLast);
  }

  std::vector<Entry> places_;
  std::uint64_t seed_;  ///< drawn at start, so that nobody outside can aim at one set
  std::uint64_t uses_ = 0;
};

}  // namespace muster::responder
