#pragma once

#include "muster/store/store.h"

// Reading the records of an issuer piece by piece.
namespace muster::store {

enum class Walk : std::uint8_t { kOn, kEnd };
using WalkVisit = std::function<Walk(const Serial&, const Status&)>;

/// Walks that begin and end anywhere. Threads: as Store.
class Walker {
 public:
  virtual ~Walker() = default;
  virtual StoreResult<Unit> for_each_after(IssuerId issuer, const std::optional<Serial>& after,
                                           const WalkVisit& visit) const = 0;
};

/// Store::for_each() from the first serial behind `after` on, for as long as `visit` wants.
/// \param store  opened by Store::open()
/// \param after  need not be there; nothing: from the first serial on
StoreResult<Unit> for_each_after(const Store& store, IssuerId issuer,
                                 const std::optional<Serial>& after, const WalkVisit& visit);

}  // namespace muster::store
