#pragma once

#include <string>
#include <vector>

#include "muster/check/check.h"

// Many targets, a few at a time.
namespace muster::check {

/// All units; reports come in their order. Blocking, on threads of its own.
std::vector<client::TargetReport> check_all(const std::vector<Unit>& units, const Plan& plan,
                                            const Clock& clock);

}  // namespace muster::check
