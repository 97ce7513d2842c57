#pragma once

#include "held_crl.h"

// What a set of CRLs comes to: which are combined, what they cover and until when. Pure.
namespace muster::source {

/// A complete CRL and the delta applied to it.
struct CrlPair {
  const HeldCrl* complete = nullptr;
  const HeldCrl* delta = nullptr;  ///< null: none
  /// Lends number and times (OCSP-CRL-037).
  [[nodiscard]] const crl::CrlView& latest() const {
    return delta != nullptr ? delta->view : complete->view;
  }
};

/// What the set must cover to be complete, and how long its CRLs count.
struct CrlWish {
  std::vector<std::string> partitions;  ///< URIs; empty: a CRL without distribution point
  CertificateKinds kinds = CertificateKinds::kAll;
  Seconds grace{0};
  std::optional<Seconds> max_age;
  Seconds max_age_without_next_update{86400};
};

struct CrlPlan {
  std::vector<CrlPair> pairs;
  UnixSeconds this_update{};  ///< the oldest of those that are current; 1970 without any
  UnixSeconds next_update{};  ///< the earliest end of those that are current, be it the base alone;
                              ///< of stale ones the last
  std::optional<Buffer> number;  ///< when there is one pair
  /// Until when a serial that is on none of them is not revoked; 1970 while something is missing.
  UnixSeconds not_revoked_until{};
  /// When the answers to the above change by time alone.
  UnixSeconds next_change = UnixSeconds::max();
  std::string gap;  ///< what is missing, for people; empty: complete
  /// Positions of pairs that are over while the others cover everything.
  std::vector<std::size_t> surplus;
};

/// Whether the delta may be applied to the complete CRL: the rules of crl::delta_fits, and signed
/// by the same key (OCSP-CRL-034).
bool continues(const HeldCrl& delta, const HeldCrl& complete);

/// Until when a CRL counts: its nextUpdate, or thisUpdate and the configured age; never beyond
/// `max_age`. Once that is over, `grace` longer.
UnixSeconds end_of(const crl::CrlView& latest, const CrlWish& wish, UnixSeconds now);

/// Views of `held`. \param held  at most one complete CRL and one delta of each scope
CrlPlan make_plan(std::span<const HeldCrl* const> held, const CrlWish& wish, UnixSeconds now);

}  // namespace muster::source
