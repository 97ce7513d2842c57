#pragma once

#include <string>

#include "muster/responder/counters.h"
#include "muster/responder/setup.h"
#include "resolve.h"

// What explain() says, for people.
namespace muster::responder {

/// What a cause means, and what to do.
std::string_view sentence(Cause cause);
std::string_view sentence(Rule rule);
std::string text_of(const std::optional<store::Status>& record);
/// What the source has told, and when.
std::string text_of(const Issuer& issuer, const store::IssuerState* state);

}  // namespace muster::responder
