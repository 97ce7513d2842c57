#include "muster/crl/entry_index.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "muster/crl/name_match.h"

namespace muster::crl {
namespace {

/// All octets, eight at a time. Whoever makes serials collide makes his own CRL slow to search, as
/// long as a list.
std::uint32_t key_of(Bytes serial) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  std::uint64_t key = serial.size();
  while (!serial.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(sizeof word, serial.size());
    std::memcpy(&word, serial.data(), size);
    key = (key ^ word) * kOdd;
    key ^= key >> 32;
    serial = serial.subspan(size);
  }
  return static_cast<std::uint32_t>(key);
}

/// The entry at `offset` if it is for this serial.
std::optional<EntryView> entry_at(Bytes entries, std::uint32_t base, std::uint32_t offset,
                                  Bytes serial) {
  der::Reader in(entries.subspan(offset), base + offset);
  auto entry = read_entry(in);
  MUSTER_ASSERT(entry);  // checked when the CRL was parsed
  return equal(entry->serial, serial) ? std::optional(*entry) : std::nullopt;
}

}  // namespace

SerialList::SerialList(const CrlView& crl)
    : issuer_(crl.issuer), entries_(crl.entries), entries_offset_(crl.entries_offset) {
  MUSTER_ASSERT(!crl.is_indirect());
  keys_.reserve(crl.entry_count);
  offsets_.reserve(crl.entry_count);
  der::Reader in(entries_);
  while (!in.at_end()) {
    const std::uint32_t offset = in.offset();
    auto body = in.enter(der::Tag::kSequence, "revokedCertificate");
    MUSTER_ASSERT(body);  // checked when the CRL was parsed
    const auto serial = body->read(der::Tag::kInteger, "userCertificate");
    MUSTER_ASSERT(serial);
    keys_.push_back(key_of(*serial));
    offsets_.push_back(offset);
  }
}

std::optional<EntryView> SerialList::find(Bytes serial, Bytes certificate_issuer) const {
  if (!same_name(issuer_, certificate_issuer)) {
    return std::nullopt;
  }
  const std::uint32_t key = key_of(serial);
  // From behind, since the last entry counts; in blocks, since those without a hit are then passed
  // over by many keys at a time.
  constexpr std::size_t kBlock = 256;
  for (std::size_t end = keys_.size(); end > 0;) {
    if (end >= kBlock) {
      const std::uint32_t* const block = keys_.data() + end - kBlock;
      std::uint32_t hits = 0;
      for (std::size_t i = 0; i < kBlock; ++i) {
        hits |= block[i] == key ? 1U : 0U;
      }
      if (hits == 0) {
        end -= kBlock;
        continue;
      }
    }
    for (const std::size_t least = end - std::min(end, kBlock); end > least; --end) {
      if (keys_[end - 1] != key) {
        continue;
      }
      if (auto found = entry_at(entries_, entries_offset_, offsets_[end - 1], serial)) {
        return found;
      }
    }
  }
  return std::nullopt;
}

EntryIndex::EntryIndex(const SerialList& list)
    : issuer_(list.issuer_), entries_(list.entries_), entries_offset_(list.entries_offset_) {
  const std::size_t count = list.keys_.size();
  mask_ = static_cast<std::uint32_t>(std::bit_ceil(std::max<std::size_t>(count, 1)) - 1);
  starts_.resize(std::size_t{mask_} + 2);
  for (const std::uint32_t key : list.keys_) {
    ++starts_[key & mask_];
  }
  // Ends of the buckets first; filled from behind, each ends up as its beginning.
  std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  offsets_.resize(count);
  for (std::size_t i = count; i > 0; --i) {
    offsets_[--starts_[list.keys_[i - 1] & mask_]] = list.offsets_[i - 1];
  }
}

std::optional<EntryView> EntryIndex::find(Bytes serial, Bytes certificate_issuer) const {
  if (!same_name(issuer_, certificate_issuer)) {
    return std::nullopt;
  }
  const std::uint32_t bucket = key_of(serial) & mask_;
  for (std::uint32_t at = starts_[bucket + 1]; at > starts_[bucket]; --at) {  // the last counts
    if (auto found = entry_at(entries_, entries_offset_, offsets_[at - 1], serial)) {
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace muster::crl
