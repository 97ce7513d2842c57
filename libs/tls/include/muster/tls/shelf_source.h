#pragma once

#include "muster/keeper/shelf.h"
#include "muster/tls/staple.h"

namespace muster::tls {

/// Staples from a shelf, as of the clock's time at each handshake: an expired one is not offered
/// even if nobody withdrew it. Shelf and clock must outlive it.
class ShelfSource final : public StapleSource {
 public:
  ShelfSource(const keeper::Shelf& shelf, const Clock& clock) : shelf_(shelf), clock_(clock) {}
  [[nodiscard]] OfferedStaple find(const Fingerprint& certificate) const noexcept override;

 private:
  const keeper::Shelf& shelf_;
  const Clock& clock_;
};

}  // namespace muster::tls
