#pragma once

#include <string>
#include <vector>

#include "muster/client/report.h"

// Checks told to programs.
namespace muster::report {

/// One JSON document; docs/formats/check.schema.json describes it.   Threads: pure, any thread.
std::string format_json(const std::vector<client::TargetReport>& reports, UnixSeconds now);

}  // namespace muster::report
