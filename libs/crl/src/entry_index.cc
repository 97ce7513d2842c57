#include "muster/crl/entry_index.h"

#include <algorithm>

#include "muster/crl/name_match.h"

namespace muster::crl {
namespace {

/// FNV-1a. Whoever makes serials collide makes his own CRL slow to search, as long as a list.
std::uint32_t hash_of(Bytes serial) {
  std::uint32_t hash = 2'166'136'261U;
  for (const std::uint8_t octet : serial) {
    hash = (hash ^ octet) * 16'777'619U;
  }
  return hash;
}

}  // namespace

EntryIndex::EntryIndex(const CrlView& crl)
    : issuer_(crl.issuer), entries_(crl.entries), entries_offset_(crl.entries_offset) {
  MUSTER_ASSERT(!crl.is_indirect());
  places_.reserve(crl.entry_count);
  der::Reader in(entries_);
  while (!in.at_end()) {
    const std::uint32_t offset = in.offset();
    auto body = in.enter(der::Tag::kSequence, "revokedCertificate");
    MUSTER_ASSERT(body);  // checked when the CRL was parsed
    const auto serial = body->read(der::Tag::kInteger, "userCertificate");
    MUSTER_ASSERT(serial);
    places_.push_back({hash_of(*serial), offset});
  }
  std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.offset < b.offset;
  });
}

std::optional<EntryView> EntryIndex::find(Bytes serial, Bytes certificate_issuer) const {
  if (!same_name(issuer_, certificate_issuer)) {
    return std::nullopt;
  }
  const std::uint32_t hash = hash_of(serial);
  std::optional<EntryView> found;
  for (auto at =
           std::lower_bound(places_.begin(), places_.end(), hash,
                            [](const Place&place, std::uint32_t h) { return place.hash < h; });
       at != places_.end() && at->hash == hash; ++at) {
    der::Reader in(entries_.subspan(at->offset), entries_offset_ + at->offset);
    auto entry = read_entry(in);
    MUSTER_ASSERT(entry);
    if (equal(entry->serial, serial)) {
      found = *entry;
    }
  }
  return found;
}

}  // namespace muster::crl
