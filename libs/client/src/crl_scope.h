#pragma once

#include <optional>
#include <vector>

#include "muster/client/subject.h"
#include "muster/crl/crl.h"
#include "muster/pki/verified_crl.h"

// Which CRLs speak for which certificate: RFC 5280 section 6.3.3 steps (b) and (d); step (c) is
// crl/combine.h. Pure.
namespace muster::client::internal {

/// One distribution point to be covered, with the names a CRL must share if it names any itself.
struct Point {
  /// Names of CRL issuers that cRLIssuer allows; nothing: the certificate's issuer itself.
  std::optional<std::vector<Bytes>> crl_issuers;
  std::vector<Bytes> general_names;  ///< GeneralName elements
  std::vector<Buffer>
      normalized_names;  ///< distinguished names made from relative ones (crl::normalize_name)
  crl::ReasonSet reasons = crl::kAllReasons;
};

/// The points of cRLDistributionPoints, then the one RFC 5280 assumes for CRLs that no point lists:
/// all reasons, named as the issuer if the certificate names no points itself (OCSP-CRL-036,
/// decision 004). Views of the certificate.
std::vector<Point> points_of(const Subject& subject);

/// Step (b)(1): whether the CRL's issuer may answer for this point (OCSP-CRL-026).
bool issuer_fits(const crl::CrlView& crl, const Point& point, const Subject& subject);

/// Step (b)(2): why the CRL's issuing distribution point does not cover the subject by this
/// point; nothing when it does (OCSP-CRL-027, -028).
std::optional<std::string> why_out_of_scope(const crl::CrlView& crl, const Point& point,
                                            const Subject& subject);

/// Whether a CRL that does not cover the subject may still list it: a serial may lie in any of the
/// parts its issuer makes, and what a part lists is revoked.
bool may_list(const crl::CrlView& crl, const Subject& subject);

/// Step (d): the reasons for which this CRL covers this point.
crl::ReasonSet reasons_of(const crl::CrlView& crl, const Point& point);

}  // namespace muster::client::internal
