#include "remembering.h"

#include <algorithm>

#include "access.h"

namespace muster::responder {
namespace {

HeadKind head_kind(const Issuer& issuer) {
  if (!is_for_everybody(issuer)) {
    return HeadKind::kUnstored;
  }
  return issuer.terms.policy.next_update == NextUpdate::kOmitted ? HeadKind::kPrivate
                                                                 : HeadKind::kCacheable;
}
Seconds longest_age(const Issuer& issuer) {
  return issuer.terms.policy.max_age.value_or(Seconds::max());
}

}  // namespace

UnixSeconds due_at(const Issuer& issuer, const Resolved& resolved, std::uint64_t spread,
                   UnixSeconds now) {
  const Seconds left = resolved.next_update - now;
  const Seconds age = std::min(refresh_age(issuer.terms.policy), left / 2);
  return now + age - age * static_cast<std::int64_t>(spread) / 10240;  // up to a tenth
}

std::uint64_t spread_of(Bytes serial) {
  return static_cast<std::uint64_t>(BytesHash()(serial)) % 1024;
}

AnswerFacts facts_of(const Setup& setup, const Asked& one, std::uint32_t variant,
                     UnixSeconds signed_at, UnixSeconds replace_at) {
  const Issuer& issuer = setup.issuers()[one.by.issuer];
  return {one.by,
          *der::find_hash(one.id.hash_algorithm),
          variant,
          one.resolved,
          signed_at,
          replace_at,
          head_kind(issuer),
          longest_age(issuer),
          setup.number(),
          issuer.signers[one.by.signer].key_digest};
}

}  // namespace muster::responder
