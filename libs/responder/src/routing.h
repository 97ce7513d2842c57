#pragma once

#include "muster/responder/setup.h"

namespace muster::responder {

/// Where a request is to be sent on that asks about certificates nobody here answers for: every one
/// of them must lead to the same route, by its issuer or by its service locator. Null: nowhere, it
/// is answered here. Pure.
const Route* find_route(const Setup& setup, const ocsp::RequestView& request);

}  // namespace muster::responder
