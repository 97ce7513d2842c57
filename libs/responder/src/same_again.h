#pragma once

#include <optional>

#include "draft.h"
#include "lookup.h"

namespace muster::responder {

/// ResponseData and signature of an answer's body. Views of `body`.
struct SignedParts {
  Bytes tbs, signature;
};
std::optional<SignedParts> parts_of(Bytes body);

/// An answer made before, read again.
struct SignedBefore {
  ocsp::ResponseView response;
  ocsp::SingleResponseView single;
  UnixSeconds signed_at;
};
/// Of a body about one certificate. Views of `body`.
std::optional<SignedBefore> read_signed(Bytes body);

/// What was asked when `before` was signed, if `by` would sign the same octets under `setup` as the
/// store stands, but for the time: nothing that an answer holds was decided differently since.
/// Whose signature it was is not looked at.
/// \param reader  at the snapshot that counts
std::optional<Asked> would_sign_again(const Setup& setup, const store::Reader& reader,
                                      Drafter& drafter, const SignedBefore& before, SignerRef by,
                                      UnixSeconds now);

}  // namespace muster::responder
