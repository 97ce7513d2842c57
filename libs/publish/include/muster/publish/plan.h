#pragma once

#include "muster/publish/terms.h"

// When to publish what. Pure: what was published and the time go in, what to do comes out.
namespace muster::publish {

/// What was published, as far as the plan cares.
struct History {
  std::optional<UnixSeconds> regular_at;   ///< thisUpdate of the last regular complete CRL
  std::optional<UnixSeconds> complete_at;  ///< of the last complete CRL, regular or not
  std::optional<UnixSeconds> delta_at;     ///< of the last delta CRL on the base in use
  bool ended = false;                      ///< the last CRL of this scope was published
};

enum class Action : std::uint8_t { kNothing, kDelta, kComplete };
/// Whether a complete CRL is one of the regular schedule. Only those let entries of expired
/// certificates go (OCSP-CRL-013).
enum class Regular : std::uint8_t { kNo, kYes };
/// Whether the store says otherwise than the CRLs published.
enum class Changed : std::uint8_t { kNo, kYes };

struct Decision {
  Action action = Action::kNothing;
  Regular regular = Regular::kNo;
};
Decision decide(const Terms& terms, const History& history, Changed changed, UnixSeconds now);

/// When to decide again at the latest; nothing: never, the last CRL was published.
std::optional<UnixSeconds> next_due(const Terms& terms, const History& history);

/// How often to look for changes: half of the reaction, so that looking and publishing fit into it.
std::optional<Seconds> look_interval(const Terms& terms);

/// nextUpdate of a complete CRL.
/// \param before       nextUpdate of the complete CRL published before: the new one is not to end
/// earlier (OCSP-CRL-004),
///                     unless the profile or the source demands it
/// \param source_ends  nextUpdate of the CRL that the records come from
struct NextUpdate {
  UnixSeconds at;
  bool earlier_than_before = false;
};
NextUpdate next_update_of(const Terms& terms, UnixSeconds this_update,
                          std::optional<UnixSeconds> before,
                          std::optional<UnixSeconds> source_ends);
/// The same for a delta CRL.
NextUpdate delta_next_update_of(const Terms& terms, UnixSeconds this_update,
                                std::optional<UnixSeconds> before,
                                std::optional<UnixSeconds> source_ends);

}  // namespace muster::publish
