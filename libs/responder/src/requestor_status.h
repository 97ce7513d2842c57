#pragma once

#include "access.h"

namespace muster::responder {

/// verify_requestor(), and whether one of the certificates that vouch for the requestor, its own
/// included, is revoked or on hold according to what we answer for their CAs. Certificates of CAs
/// that are none of ours are judged by their path alone, as are anchors. Also kStoreUnreadable: a
/// store that fails vouches for nobody.
Requestor check_requestor(const Setup& setup, const store::Reader& reader, const Issuer& issuer,
                          const ocsp::RequestView& request, UnixSeconds now);

}  // namespace muster::responder
