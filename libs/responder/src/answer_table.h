#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <vector>

#include "muster/base/bytes.h"

namespace muster::responder {

/// Bounded memory by CertID octets and variant (which of several answers for them: variant_of()).
/// Sets of `kWays` places: a lookup compares at most so many, whatever strangers send, and the
/// place unused for longest in a set makes room. `Entry` is a pointer, empty when made; what it
/// points to says matches(cert_id, variant). Sixteen octets a place where an entry has eight.
/// Threads: one at a time.
template <class Entry, std::size_t kWays = 8>
class AnswerTable {
  static_assert(kWays == 8 || kWays == 16);
  using Ages __attribute__((vector_size(kWays))) = std::uint8_t;
  using Tag = std::uint16_t;
  /// What a lookup looks at comes first: one line of the cache, of eight places.
  struct alignas(64) Set {
    std::array<Tag, kWays> tags{};           ///< of the hash: saves looking at others' entries
    std::array<std::uint8_t, kWays> ages{};  ///< 0: the last used ... kWays - 1
    std::array<std::uint8_t, kWays> sequences_high{};  ///< bits 32 to 39
    std::array<std::uint32_t, kWays> sequences_low{};
    std::array<Entry, kWays> entries{};
  };

 public:
  /// A place found, or nothing. Valid until the next put() or add().
  class Place {
   public:
    Place() = default;
    explicit operator bool() const { return set_ != nullptr; }
    bool operator==(const Place&) const = default;
    [[nodiscard]] Entry& entry() const { return set_->entries[way_]; }
    /// Whether the entry was last compared with this state of the store. The last 40 bits of its
    /// number are kept: more commits than an answer lives through.
    [[nodiscard]] bool is_of(std::uint64_t sequence) const {
      return set_->sequences_low[way_] == static_cast<std::uint32_t>(sequence) &&
             set_->sequences_high[way_] == static_cast<std::uint8_t>(sequence >> 32U);
    }
    void set_sequence(std::uint64_t sequence) const {
      set_->sequences_low[way_] = static_cast<std::uint32_t>(sequence);
      set_->sequences_high[way_] = static_cast<std::uint8_t>(sequence >> 32U);
    }

   private:
    friend class AnswerTable;
    Place(Set* set, std::size_t way) : set_(set), way_(way) {}
    Set* set_ = nullptr;
    std::size_t way_ = 0;
  };

  /// \param capacity  entries, rounded up to whole sets; zero remembers nothing
  explicit AnswerTable(std::size_t capacity)
      : sets_((capacity + kWays - 1) / kWays), seed_(draw_seed()) {
    for (Set& set : sets_) {
      for (std::size_t way = 0; way < kWays; ++way) {
        set.ages[way] = static_cast<std::uint8_t>(way);
      }
    }
  }

  /// The place of these CertID octets in this variant, if remembered.
  Place find(Bytes cert_id, std::uint32_t variant) {
    return sets_.empty() ? Place() : find(cert_id, variant, hash(cert_id, variant));
  }

  /// Remembers `entry`, which matches both, instead of what was there of them or, if there was
  /// nothing, of what was unused for longest. Nothing when nothing is remembered.
  Place put(Bytes cert_id, std::uint32_t variant, Entry entry) {
    if (const Place place = find(cert_id, variant)) {
      place.entry() = std::move(entry);
      place.set_sequence(0);
      return place;
    }
    return add(cert_id, variant, std::move(entry));
  }
  /// The same, where nothing is there of them.
  Place add(Bytes cert_id, std::uint32_t variant, Entry entry) {
    if (sets_.empty()) {
      return {};
    }
    const std::uint64_t h = hash(cert_id, variant);
    Set& set = sets_[set_of(h)];
    const std::size_t way = oldest(set);
    size_ += set.entries[way] ? 0U : 1U;
    set.tags[way] = static_cast<Tag>(h);
    set.entries[way] = std::move(entry);
    note_use(set, way);
    const Place place(&set, way);
    place.set_sequence(0);
    return place;
  }
  [[nodiscard]] std::size_t capacity() const { return sets_.size() * kWays; }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Shows the entries of so many places from place `first` on. Where to go on; zero: that was all.
  template <class See>
  std::size_t visit(std::size_t first, std::size_t places, See see) const {
    const std::size_t end = std::min(capacity(), first + places);
    for (std::size_t i = first; i < end; ++i) {
      if (const Entry& entry = sets_[i / kWays].entries[i % kWays]) {
        see(entry);
      }
    }
    return end == capacity() ? 0 : end;
  }

 private:
  static std::size_t oldest(const Set& set) {
    std::size_t oldest = 0;
    for (std::size_t way = 0; way < kWays; ++way) {
      if (!set.entries[way]) {
        return way;
      }
      oldest = set.ages[way] == kWays - 1 ? way : oldest;
    }
    return oldest;
  }
  static void note_use(Set& set, std::size_t way) {
    const std::uint8_t age = set.ages[way];
    if (age == 0) {
      return;
    }
    Ages ages;
    std::memcpy(&ages, set.ages.data(), sizeof ages);
    ages -= reinterpret_cast<Ages>(ages < age);  // a comparison is -1 where it holds
    std::memcpy(set.ages.data(), &ages, sizeof ages);
    set.ages[way] = 0;
  }
  [[nodiscard]] std::size_t set_of(std::uint64_t h) const {
    return static_cast<std::size_t>((static_cast<Wide>(h) * sets_.size()) >> 64U);
  }
  Place find(Bytes cert_id, std::uint32_t variant, std::uint64_t h) {
    Set& set = sets_[set_of(h)];
    for (std::size_t way = 0; way < kWays; ++way) {
      if (set.tags[way] == static_cast<Tag>(h) && set.entries[way] &&
          set.entries[way]->matches(cert_id, variant)) {
        note_use(set, way);
        return {&set, way};
      }
    }
    return {};
  }

  static std::uint64_t draw_seed() {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32U) | device();
  }
  __extension__ using Wide = unsigned __int128;
  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
  }
  static std::uint64_t load(const std::uint8_t* from) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  /// Sixteen octets a step. Both factors of a product have something secret in them, so that nobody
  /// outside can make one zero, or aim at one set.
  [[nodiscard]] std::uint64_t hash(Bytes cert_id, std::uint32_t variant) const {
    constexpr std::uint64_t kFirst = 0x9e3779b97f4a7c15U;
    constexpr std::uint64_t kLast = 0xd6e8feb86659fd93U;
    std::uint64_t h = fold(seed_ ^ cert_id.size() ^ (std::uint64_t{variant} << 32U), kFirst);
    const std::uint8_t* at = cert_id.data();
    std::size_t left = cert_id.size();
    std::array<std::uint8_t, 16> padded{};
    if (left < padded.size()) {
      std::copy_n(at, left, padded.data());
      at = padded.data();
      left = padded.size();
    }
    for (; left > 16; at += 16, left -= 16) {
      h = fold(load(at) ^ seed_, load(at + 8) ^ h);
    }
    at -= 16 - left;  // the last sixteen, some of them for the second time
    h = fold(load(at) ^ seed_, load(at + 8) ^ h);
    return fold(h ^ seed_, kLast);
  }

  std::vector<Set> sets_;
  std::uint64_t seed_;  ///< drawn at start
  std::size_t size_ = 0;
};

}  // namespace muster::responder
