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
/// points to says matches(cert_id, variant). Threads: one at a time.
template <class Entry, std::size_t kWays = 8>
class AnswerTable {
 public:
  /// 24 octets where an entry has eight.
  struct Place {
    Entry entry{};
    std::uint64_t sequence = 0;  ///< store state its record was last compared with
    std::uint32_t tag = 0;       ///< of the hash: saves looking at what is another's
    std::uint32_t used_at = 0;   ///< by the count of uses; differences alone matter
  };

  /// \param capacity  entries, rounded up to whole sets; zero remembers nothing
  explicit AnswerTable(std::size_t capacity)
      : places_((capacity + kWays - 1) / kWays * kWays), seed_(draw_seed()) {}

  /// The place of these CertID octets in this variant, if remembered. Valid until the next put().
  Place* find(Bytes cert_id, std::uint32_t variant) {
    return places_.empty() ? nullptr : find(cert_id, variant, hash(cert_id, variant));
  }

  /// Remembers `entry`, which matches both, instead of what was there of them or, if there was
  /// nothing, of what was unused for longest. Nothing when nothing is remembered.
  Place* put(Bytes cert_id, std::uint32_t variant, Entry entry) {
    if (places_.empty()) {
      return nullptr;
    }
    const std::uint64_t h = hash(cert_id, variant);
    Place* place = find(cert_id, variant, h);
    if (place == nullptr) {
      Place* const set = &places_[first_of(h)];
      place = std::max_element(set, set + kWays,
                               [this](const Place& a, const Place& b) { return age(a) < age(b); });
      size_ += place->entry ? 0U : 1U;
    }
    *place = {std::move(entry), 0, static_cast<std::uint32_t>(h), ++uses_};
    return place;
  }
  [[nodiscard]] std::size_t capacity() const { return places_.size(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Shows the entries of so many places from place `first` on. Where to go on; zero: that was all.
  template <class See>
  std::size_t visit(std::size_t first, std::size_t places, See see) const {
    const std::size_t end = std::min(places_.size(), first + places);
    for (std::size_t i = first; i < end; ++i) {
      if (places_[i].entry) {
        see(places_[i].entry);
      }
    }
    return end == places_.size() ? 0 : end;
  }

 private:
  /// A free place is older than all that are taken.
  [[nodiscard]] std::uint64_t age(const Place& place) const {
    return place.entry ? uses_ - place.used_at : std::uint64_t{1} << 32U;
  }
  [[nodiscard]] std::size_t first_of(std::uint64_t h) const {
    return static_cast<std::size_t>((static_cast<Wide>(h) * (places_.size() / kWays)) >> 64U) *
           kWays;
  }
  Place* find(Bytes cert_id, std::uint32_t variant, std::uint64_t h) {
    Place* const set = &places_[first_of(h)];
    for (Place* place = set; place != set + kWays; ++place) {
      if (place->tag == static_cast<std::uint32_t>(h) && place->entry &&
          place->entry->matches(cert_id, variant)) {
        place->used_at = ++uses_;
        return place;
      }
    }
    return nullptr;
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

  std::vector<Place> places_;
  std::uint64_t seed_;  ///< drawn at start
  std::uint32_t uses_ = 0;
  std::size_t size_ = 0;
};

}  // namespace muster::responder
