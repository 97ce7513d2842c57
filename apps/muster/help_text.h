#pragma once

#include <string>
#include <string_view>

namespace muster::app {

inline constexpr std::size_t kScreenColumns = 80;

/// CLI11's help, which knows no screen, in lines of at most kScreenColumns: what an option means is
/// folded below itself, other text below its own beginning.
std::string fold_help(std::string_view text);

}  // namespace muster::app
