#pragma once

#include "muster/crl/crl.h"

namespace muster::crl {

/// What the signature of a CRL covers, and by which algorithm it says it was made: both stand
/// before the entries.
struct SignedPart {
  Bytes tbs;  ///< tbsCertList with identifier and length: CrlView::tbs_raw
  der::AlgorithmView algorithm;
};
/// Without reading the entries. Nothing where the beginning is out of order; what it gives may
/// still belong to a CRL that does not parse. View of `der`.
std::optional<SignedPart> find_signed_part(Bytes der);
std::optional<SignedPart> find_signed_part(Buffer&&) = delete;

}  // namespace muster::crl
