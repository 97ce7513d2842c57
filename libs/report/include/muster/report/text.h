#pragma once

#include <string>
#include <vector>

#include "muster/client/report.h"
#include "muster/report/view.h"

// Checks told to people.
namespace muster::report {

/// Lines for a terminal; each target begins with its name. Everything that came from outside is
/// made printable.   Threads: pure, any thread.
std::string format_text(const std::vector<client::TargetReport>& reports, UnixSeconds now,
                        Colour colour);

}  // namespace muster::report
