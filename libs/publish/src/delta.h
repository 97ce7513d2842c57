#pragma once

#include "listing.h"

namespace muster::publish {

/// Finds out what a delta CRL must say: every difference between a complete CRL published earlier
/// and the lines of now, and the removal of whatever an earlier delta on that base said and is no
/// longer so (RFC 5280 section 5.2.4, OCSP-CRL-038). Lines are fed in order; memory does not grow
/// with their number.
class DeltaMerge {
 public:
  using Emit = std::function<void(const Line&)>;
  /// \param previous  the delta published before on the same base; null when there was none
  DeltaMerge(const crl::CrlView& base, const crl::CrlView* previous, const Spec& spec, Emit emit);
  void feed(const Line& now);
  void finish();
  /// Whether base and previous delta were ours (see LineCursor).
  [[nodiscard]] bool good() const { return base_.good() && (!previous_ || previous_->good()); }

 private:
  void remove_before(const Line* now);

  LineCursor base_;
  std::optional<LineCursor> previous_;
  Emit emit_;
};

/// What base and delta say together.
LineDigest digest_of_both(const crl::CrlView& base, const crl::CrlView& delta, const Spec& spec);
LineDigest digest_of(const crl::CrlView& crl, const Spec& spec);

}  // namespace muster::publish
