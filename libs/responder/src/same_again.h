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

/// The times that an answer made before says.
struct TimesBefore {
  UnixSeconds signed_at, this_update;
  std::optional<UnixSeconds> next_update;
};
inline TimesBefore times_of(const SignedBefore& before) {
  return {before.signed_at, before.single.this_update, before.single.next_update};
}

/// What `by` would say about `id` under `setup` as the store stands, with the times of the answer
/// made before. Nothing: it must not be said with these times any more.
/// \param reader  at the snapshot that counts
std::optional<Asked> restate(const Setup& setup, const store::Reader& reader,
                             const ocsp::CertIdView& id, SignerRef by, const TimesBefore& before,
                             UnixSeconds now);

/// Whether drafting `one` at the instant of `before` gives the octets that were signed then.
bool is_drafted_again(const Setup& setup, const store::Reader& reader, Drafter& drafter,
                      const SignedBefore& before, const Asked& one);

/// What was asked when `before` was signed, if `by` would sign the same octets under `setup` as the
/// store stands, but for the time: nothing that an answer holds was decided differently since.
/// Whose signature it was is not looked at.
/// \param reader  at the snapshot that counts
std::optional<Asked> would_sign_again(const Setup& setup, const store::Reader& reader,
                                      Drafter& drafter, const SignedBefore& before, SignerRef by,
                                      UnixSeconds now);

}  // namespace muster::responder
