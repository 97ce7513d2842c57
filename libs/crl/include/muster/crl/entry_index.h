#pragma once

#include "muster/crl/crl.h"

namespace muster::crl {

/// Finds entries by serial without reading the whole list each time: for CRLs that are asked often.
/// Eight octets an entry. A direct CRL only: who issued the certificates of an indirect one depends
/// on the entries before. Threads: const methods from any.
class EntryIndex {
 public:
  /// \param crl  parsed; its octets outlive the index
  explicit EntryIndex(const CrlView& crl);
  /// As find_entry: the last entry for this serial under this certificate issuer.
  [[nodiscard]] std::optional<EntryView> find(Bytes serial, Bytes certificate_issuer) const;

 private:
  struct Place {
    std::uint32_t hash;    // of the serial
    std::uint32_t offset;  // of the entry in entries_
  };
  Bytes issuer_, entries_;
  std::uint32_t entries_offset_;
  std::vector<Place> places_;  // in order of both
};

}  // namespace muster::crl
