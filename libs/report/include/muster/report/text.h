#pragma once

#include <string>
#include <vector>

#include "muster/client/report.h"
#include "muster/report/view.h"

// Checks told to people.
namespace muster::report {

/// Paragraphs for a terminal; each target begins with its name. Lines are broken at the view's
/// columns. Everything that came from outside is made printable.   Threads: pure, any thread.
std::string format_text(const std::vector<client::TargetReport>& reports, const View& view);

}  // namespace muster::report
