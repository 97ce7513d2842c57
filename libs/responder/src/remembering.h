#pragma once

#include "draft.h"
#include "ready_answer.h"

// The steps between a signed body and an answer that is remembered: the same for those who sign on
// demand and those who sign ahead.
namespace muster::responder {

/// Until when an answer signed now is used, and may be kept by caches: its refresh age, well before
/// its end. `spread` (0..1023) makes answers signed in one burst fall due one after the other.
UnixSeconds due_at(const Issuer& issuer, const Resolved& resolved, std::uint64_t spread,
                   UnixSeconds now);
/// The spread of one CertID.
std::uint64_t spread_of(Bytes cert_id);
/// The HTTP answer around `body`, by the rules of its issuer.
void render_answer(HttpMessage& out, const Issuer& issuer, Bytes body, const Resolved& basis,
                   UnixSeconds replace_at, UnixSeconds now, HttpDate& date);

}  // namespace muster::responder
