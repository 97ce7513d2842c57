#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "muster/report/view.h"

// What standard output is: a terminal, how wide, with colours or not.
namespace muster::app {

enum class Paint : std::uint8_t { kAuto, kAlways, kNever };
/// kAuto: colours on a terminal that has them, unless NO_COLOR is set to something.
report::Colour colour_of(Paint paint);

/// Of COLUMNS, else of the terminal; 0 when standard output is none: lines are not broken then.
std::size_t screen_columns();
/// Of LINES, else of the terminal; nothing when standard output is none.
std::optional<std::size_t> screen_lines();
bool is_terminal(int fd);

}  // namespace muster::app
