#pragma once

#include <string_view>

#include "muster/lint/rules.h"

// What people ask who read a finding.
namespace muster::lint {

/// One or two sentences each.
struct Advice {
  std::string_view rule;  ///< its id
  std::string_view why;   ///< it matters
  std::string_view fix;   ///< what to do where it is broken
};
/// Every rule has one.   Threads: any.
const Advice& advice_of(const Rule& rule);

}  // namespace muster::lint
