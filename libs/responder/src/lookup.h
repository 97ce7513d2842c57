#pragma once

#include "draft.h"
#include "muster/responder/counters.h"
#include "signer_choice.h"

// The steps between a request and its answer that only look: shared by those who answer and those
// who explain.
namespace muster::responder {

/// Position of the issuer an id speaks of. Errors: kUnknownHash, kUnknownIssuer.
Result<std::size_t, Cause> find_issuer(const Setup& setup, const ocsp::CertIdView& id);
/// What the store's snapshot comes to for one serial. A store that fails is never "no record":
/// kStoreUnreadable.
Resolved look_up(const Setup& setup, const store::Reader& reader, SignerRef by, Bytes serial,
                 UnixSeconds now);
/// Signers of the first issuer that are not signers of all the others too (decision 013).
SignerMask not_shared(const Setup& setup, const std::vector<Asked>& asked);
/// Has everything `asked` signed by signer `position` of the first issuer, and resolves it. The
/// first cause that stands in the way. Precondition: `position` is shared.
Cause resolve_all(const Setup& setup, const store::Reader& reader, std::vector<Asked>& asked,
                  std::size_t position, UnixSeconds now);

}  // namespace muster::responder
