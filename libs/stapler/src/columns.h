#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "muster/base/text.h"

namespace muster::stapler {

/// A cell of a table on a terminal, whatever a file is called: at least so wide.
inline std::string pad(std::string_view raw, std::size_t width) {
  std::string text = printable(raw);
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

}  // namespace muster::stapler
