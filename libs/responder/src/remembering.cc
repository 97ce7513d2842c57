#include "remembering.h"

#include <algorithm>

#include "access.h"

namespace muster::responder {

UnixSeconds due_at(const Issuer& issuer, const Resolved& resolved, std::uint64_t spread,
                   UnixSeconds now) {
  const Seconds left = resolved.next_update - now;
  const Seconds age = std::min(refresh_age(issuer.terms.policy), left / 2);
  return now + age - age * static_cast<std::int64_t>(spread) / 10240;  // up to a tenth
}

std::uint64_t spread_of(Bytes cert_id) {
  return static_cast<std::uint64_t>(BytesHash()(cert_id)) % 1024;
}

void render_answer(HttpMessage& out, const Issuer& issuer, Bytes body, const Resolved& basis,
                   UnixSeconds replace_at, UnixSeconds now, HttpDate& date) {
  const IssuerPolicy& policy = issuer.terms.policy;
  if (!is_for_everybody(issuer)) {
    render_unstored(out, body, now, date);
  } else if (policy.next_update == NextUpdate::kOmitted) {
    render_private(out, body, now, date);
  } else {
    render_cacheable(
        out, body,
        {basis.this_update, basis.next_update, replace_at, policy.max_age.value_or(Seconds::max())},
        now, date);
  }
}

}  // namespace muster::responder
