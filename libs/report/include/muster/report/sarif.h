#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "muster/report/fail_on.h"

namespace muster::report {

/// SARIF 2.1.0 (OASIS), for code scanning: a result for each finding, a rule for each code found.
/// \param version  of the program.   \param exit_code  the process will end with.
std::string format_sarif(const std::vector<client::TargetReport>& reports, std::string_view version,
                         int exit_code, UnixSeconds now);

}  // namespace muster::report
