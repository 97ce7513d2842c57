#pragma once

#include <vector>

#include "muster/crl/crl.h"

// Finding entries by serial without reading the whole list each time. Direct CRLs only: who issued
// the certificates of an indirect one depends on the entries before.
namespace muster::crl {

/// A key for each entry, in the order of the list: made in one walk, a thirtieth of the time of a
/// walk to look into. Eight octets an entry. Lifetime: the CRL's octets outlive it.
/// Threads: const methods from any.
class SerialList {
 public:
  /// \param crl  parsed, and not indirect
  explicit SerialList(const CrlView& crl);
  /// As find_entry: the last entry for this serial under this certificate issuer.
  [[nodiscard]] std::optional<EntryView> find(Bytes serial, Bytes certificate_issuer) const;

 private:
  friend class EntryIndex;
  Bytes issuer_, entries_;
  std::uint32_t entries_offset_;
  std::vector<std::uint32_t> keys_;     // of the serials
  std::vector<std::uint32_t> offsets_;  // of the entries in entries_
};

/// For CRLs that are asked often: takes longer to make, and nearly nothing to look into. Eight to
/// twelve octets an entry. Lifetime and threads: as SerialList, which it does not need any more.
class EntryIndex {
 public:
  explicit EntryIndex(const SerialList& list);
  /// As find_entry.
  [[nodiscard]] std::optional<EntryView> find(Bytes serial, Bytes certificate_issuer) const;

 private:
  Bytes issuer_, entries_;
  std::uint32_t entries_offset_;
  // Buckets by key, as many as entries or up to twice that; of each its entries in the order of the
  // list: offsets_[starts_[bucket]] to offsets_[starts_[bucket + 1]], exclusive.
  std::uint32_t mask_ = 0;
  std::vector<std::uint32_t> starts_;
  std::vector<std::uint32_t> offsets_;  // in entries_
};

}  // namespace muster::crl
