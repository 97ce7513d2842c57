#pragma once

#include <string>
#include <vector>

#include "muster/client/report.h"

// Checks told to people.
namespace muster::report {

enum class Colour : std::uint8_t { kPlain, kAnsi };
/// Lines for a terminal; each target begins with its name. Everything that came from outside is
/// made printable.   Threads: pure, any thread.
std::string format_text(const std::vector<client::TargetReport>& reports, UnixSeconds now,
                        Colour colour);

}  // namespace muster::report
