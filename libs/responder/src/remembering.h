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
/// The spread of one serial.
std::uint64_t spread_of(Bytes serial);
/// What is known about an answer to `one`, which names who signed it under `setup`.
AnswerFacts facts_of(const Setup& setup, const Asked& one, std::uint32_t variant,
                     UnixSeconds signed_at, UnixSeconds replace_at);

}  // namespace muster::responder
