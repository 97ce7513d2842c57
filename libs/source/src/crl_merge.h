#pragma once

#include "crl_shelf.h"

// From CRLs and lists in use into the store. Private to the library.
namespace muster::source {

/// What goes into the store.
struct Merge {
  const SourceSpec& spec;
  const CrlPlan& plan;
  std::span<const HeldList> lists;  ///< empty: it is not known what was issued
  /// Lists are configured and none could be read yet: only revocations may be told.
  [[nodiscard]] bool lacks_lists() const { return spec.crls.lists_issued() && lists.empty(); }
  /// Permanent revocations that the store has and nothing of this lists.
  enum class Unlisted : std::uint8_t {
    kAsRuled,  ///< let go unless the certificate is known to be alive
    kStay,     ///< something is not at hand that may list them
  } unlisted = Unlisted::kAsRuled;
  [[nodiscard]] bool keeps_unlisted() const { return unlisted == Unlisted::kStay || lacks_lists(); }
};

/// Until when serials that no list has may be called never issued; nothing: no end; 1970 while
/// lists are configured and none could be read yet (decision 029).
std::optional<UnixSeconds> never_issued_until(const SourceSpec& spec,
                                              std::span<const HeldList> lists, UnixSeconds now);

/// Facts of the issuer that follow from what is in use (OCSP-CRL-037, -054).
store::IssuerState make_facts(const Merge& merge, UnixSeconds now);

/// Replaces all records in one transaction. Memory does not grow with the number of entries,
/// removals of deltas excepted. Errors: kStore, kStopped, kUnsupported beyond kMaxDeltaRemovals,
/// kRollback when one CRL is older than what the store remembers.
Result<LoadReport, SourceError> replace_all(store::Store& store, const Merge& merge,
                                            const LoadOptions& options);

/// Changes beyond this make a whole replacement the cheaper way.
inline constexpr std::size_t kMostDeltaChanges = 100'000;

/// What a new delta changes over the same complete CRL, decided on one state of the store.
struct DeltaChanges {
  std::uint64_t seen = 0;  ///< sequence of that state
  std::vector<store::Change> changes;
  store::ReplacementReport report;
};
/// Nothing when only replace_all() can do it. \param before  what the store holds now
/// \param after  the same complete CRL under another delta
Result<std::optional<DeltaChanges>, SourceError> decide_delta(store::Store& store,
                                                              const Merge& merge,
                                                              const CrlPair& before,
                                                              const CrlPair& after,
                                                              const LoadOptions& options);
/// Writes them in one transaction. Nothing when the store is no longer as it was seen: what another
/// writer did meanwhile is then for replace_all() to look at.
Result<std::optional<LoadReport>, SourceError> write_delta(store::Store& store, const Merge& merge,
                                                           DeltaChanges decided, UnixSeconds now);

}  // namespace muster::source
