#pragma once

#include <string>
#include <vector>

#include "muster/report/fail_on.h"

// Checks told to programs.
namespace muster::report {

// Both are described by docs/formats/check.schema.json. Texts of others are printable: a program
// that writes them to a terminal or a log does no harm.

/// One JSON document. `exit_code` in it is that of the process, given the threshold.
/// Threads: pure, any thread.
std::string format_json(const std::vector<client::TargetReport>& reports, FailOn fail_on,
                        UnixSeconds now);
/// One certificate on one line (NDJSON), with schema_version and checked_at.
std::string format_json_line(const client::TargetReport& report, UnixSeconds now);

}  // namespace muster::report
