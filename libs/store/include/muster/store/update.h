#pragma once

#include "muster/store/store.h"

namespace muster::store {

/// A store that can be written so: each that can be written at all.
class ConditionalWriter {
 public:
  virtual ~ConditionalWriter() = default;
  virtual StoreResult<std::uint64_t> apply_if_unchanged(IssuerId issuer, std::uint64_t expected,
                                                        std::span<const Change> changes) = 0;
  virtual StoreResult<std::uint64_t> apply_if_unchanged(IssuerId issuer, std::uint64_t expected,
                                                        std::span<const Change> changes,
                                                        const IssuerState& facts) = 0;
};

/// As Store::apply, but only while the issuer is as the caller saw it: `expected` is
/// IssuerState::sequence of the snapshot the changes were decided on. Whoever reads, decides and
/// writes goes this way, so that no other writer (another thread, another process) slips between:
/// an "issue" must never overwrite a revocation it did not see. Errors: as apply(); kBusy when the
/// issuer has moved on: read and decide again.
StoreResult<std::uint64_t> apply_if_unchanged(Store& store, IssuerId issuer, std::uint64_t expected,
                                              std::span<const Change> changes);
/// The same with new facts, of which key, sequence, records and revoked are ignored.
StoreResult<std::uint64_t> apply_if_unchanged(Store& store, IssuerId issuer, std::uint64_t expected,
                                              std::span<const Change> changes,
                                              const IssuerState& facts);

}  // namespace muster::store
