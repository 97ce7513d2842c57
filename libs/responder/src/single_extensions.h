#pragma once

#include "draft.h"

namespace muster::responder {

/// singleExtensions of one answer, as the issuer's rules have them: archive cutoff, CRL reference,
/// invalidity date, CertHash. Never the reasonCode of a CRL entry (CA/B BR 7.3.2), and nothing
/// about a CRL for a serial never issued (RFC 6960 section 2.2). \param state  the issuer's, of the
/// snapshot that resolved `one`
std::vector<der::Extension> make_single_extensions(const Issuer& issuer, const Asked& one,
                                                   const store::IssuerState* state,
                                                   UnixSeconds now);

}  // namespace muster::responder
