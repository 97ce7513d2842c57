#pragma once

#include "muster/crl/encode.h"
#include "muster/publish/publisher.h"

// Whether the records of the store are good enough to be signed: what a CRL leaves out it clears.
namespace muster::publish {

/// What the store says about the subjects as a whole.
struct SourceFacts {
  std::uint64_t revoked = 0;
  std::optional<UnixSeconds> ends;  ///< earliest nextUpdate of CRLs that the records come from
  /// Highest number of those CRLs that our own key signed: one CRL issuer has one sequence.
  std::optional<crl::Number> number;
};

/// Refuses records that nobody vouches for, or for no longer. `reader` is renewed. Errors: kStore,
/// kSource.
PublishResult<SourceFacts> check_sources(const Spec& spec, store::Reader& reader, UnixSeconds now);

}  // namespace muster::publish
