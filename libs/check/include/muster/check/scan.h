#pragma once

#include <string>
#include <vector>

#include "muster/check/check.h"

// Many targets, a few at a time.
namespace muster::check {

/// All targets; reports come in the order of the targets. Blocking, on threads of its own.
std::vector<client::TargetReport> check_all(const std::vector<std::string>& targets,
                                            const Plan& plan, const Clock& clock);

}  // namespace muster::check
