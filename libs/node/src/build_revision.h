#pragma once

#include <string_view>

namespace muster::node {

/// The commit that was built, or "unknown".
std::string_view build_revision();

}  // namespace muster::node
