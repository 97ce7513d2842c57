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

std::optional<Asked> restate(const Setup& setup, const store::Reader& reader,
                             const ocsp::CertIdView& id, SignerRef by, const TimesBefore& before,
                             UnixSeconds now) {
  if (before.signed_at > now) {
    return std::nullopt;
  }
  Asked one{id, by, look_up(setup, reader, by, id.serial, now)};
  const Resolved& known = one.resolved;
  if (known.cause != Cause::kNone ||
      (known.source_this_update &&
       before.this_update != std::min(*known.source_this_update, before.signed_at))) {
    return std::nullopt;
  }
  // Times of live sources move with every look at them; no answer may end later than one of today.
  const UnixSeconds last = known.next_update;
  one.resolved.this_update = before.this_update;
  one.resolved.next_update = before.next_update.value_or(last);
  if (one.resolved.next_update > last) {
    return std::nullopt;
  }
  const Issuer& issuer = setup.issuers()[by.issuer];
  const UnixSeconds until =
      due_at(issuer, one.resolved, spread_of(one.id.serial), before.signed_at);
  return in_time(before.signed_at, until, now) ? std::optional(one) : std::nullopt;
}

bool is_drafted_again(const Setup& setup, const store::Reader& reader, Drafter& drafter,
                      const SignedBefore& before, const Asked& one) {
  const std::vector<Asked> asked(1, one);
  const Buffer& draft = drafter.draft(setup, asked, std::nullopt, reader, before.signed_at);
  return equal(draft, before.response.basic->tbs_raw);
}

std::optional<Asked> would_sign_again(const Setup& setup, const store::Reader& reader,
                                      Drafter& drafter, const SignedBefore& before, SignerRef by,
                                      UnixSeconds now) {
  const auto one = restate(setup, reader, before.single.cert_id, by, times_of(before), now);
  return one && is_drafted_again(setup, reader, drafter, before, *one) ? one : std::nullopt;
}

}  // namespace muster::responder
