#include "same_again.h"

#include <algorithm>

#include "exchange.h"
#include "remembering.h"

namespace muster::responder {

std::optional<SignedParts> parts_of(Bytes body) {
  const auto parsed = ocsp::parse_response(body);
  if (!parsed || !parsed->basic) {
    return std::nullopt;
  }
  return SignedParts{parsed->basic->tbs_raw, parsed->basic->signature};
}

std::optional<SignedBefore> read_signed(Bytes body) {
  const auto parsed = ocsp::parse_response(body);
  if (!parsed || !parsed->basic || parsed->basic->responses.size() != 1) {
    return std::nullopt;
  }
  return SignedBefore{*parsed, *parsed->basic->responses.begin(), parsed->basic->produced_at};
}

std::optional<Asked> would_sign_again(const Setup& setup, const store::Reader& reader,
                                      Drafter& drafter, const SignedBefore& before, SignerRef by,
                                      UnixSeconds now) {
  const ocsp::SingleResponseView& single = before.single;
  if (before.signed_at > now) {
    return std::nullopt;
  }
  Asked one{single.cert_id, by, look_up(setup, reader, by, single.cert_id.serial, now)};
  const Resolved& known = one.resolved;
  if (known.cause != Cause::kNone ||
      (known.source_this_update &&
       single.this_update != std::min(*known.source_this_update, before.signed_at))) {
    return std::nullopt;
  }
  // Times of live sources move with every look at them; no answer may end later than one of today.
  const UnixSeconds last = known.next_update;
  one.resolved.this_update = single.this_update;
  one.resolved.next_update = single.next_update.value_or(last);
  if (one.resolved.next_update > last) {
    return std::nullopt;
  }
  const Issuer& issuer = setup.issuers()[by.issuer];
  const UnixSeconds until =
      due_at(issuer, one.resolved, spread_of(one.id.serial), before.signed_at);
  if (!in_time(before.signed_at, until, now)) {
    return std::nullopt;
  }
  const std::vector<Asked> asked(1, one);
  const Buffer& draft = drafter.draft(setup, asked, std::nullopt, reader, before.signed_at);
  return equal(draft, before.response.basic->tbs_raw) ? std::optional(one) : std::nullopt;
}

}  // namespace muster::responder
