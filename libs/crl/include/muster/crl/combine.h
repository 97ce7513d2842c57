#pragma once

#include "muster/crl/crl.h"

// Which CRLs belong together: rules of RFC 5280 that the checker and the sources of a responder
// share. Pure.
namespace muster::crl {

/// Whether both speak for the same issuer and the same of its certificates and reasons.
bool same_coverage(const CrlView& a, const CrlView& b);

/// Whether both speak for the same issuer, in the same scope, by the same key identifier
/// (section 6.3.3 step c, OCSP-CRL-029).
bool same_scope(const CrlView& a, const CrlView& b);

/// Step (c) and section 5.2.4: whether the delta continues the complete CRL: the same scope, and
/// base number <= complete number < delta number (OCSP-CRL-029, -030).
bool delta_fits(const CrlView& delta, const CrlView& complete);

/// Order of preference: issued later first, then the higher number.
bool is_newer(const CrlView& a, const CrlView& b);

/// Whether the CRL need not list a certificate that expired when this one did: issued later, and
/// without an expiredCertsOnCRL that reaches back so far (section 3.3; X.509 expiredCertsOnCRL).
bool may_omit_expired(const CrlView& crl, UnixSeconds not_after);

/// Reasons the CRL covers: all, or its onlySomeReasons.
ReasonSet reasons_of(const CrlView& crl);

}  // namespace muster::crl
