#pragma once

#include "muster/client/live.h"
#include "muster/keeper/plan.h"

// What the end of a question means for the plan.
namespace muster::keeper {

FailureClass classify(const client::LiveFailure& failure);
/// Of a choice that does not take a verified answer and leaves nothing on offer.
FailureClass classify(Choice choice);
OutcomeKind outcome_of(const client::LiveFailure& failure);
/// Of an answer that was offered to the shelf; `held` is what that holds now.
OutcomeKind outcome_of(Choice choice, const std::optional<StapleFacts>& held, UnixSeconds now);

}  // namespace muster::keeper
