#pragma once

#include <span>

#include "muster/lint/advice.h"

// The parts of the table behind advice_of().
namespace muster::lint {

std::span<const Advice> response_advice();
std::span<const Advice> other_advice();

}  // namespace muster::lint
