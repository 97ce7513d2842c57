#pragma once

#include <string>
#include <vector>

#include "muster/report/fail_on.h"

namespace muster::report {

/// JUnit's XML as CI servers read it: a test case a certificate (class: the target). What fails by
/// `fail_on` is a failure, or an error when nothing could be determined or read; what is not meant
/// to be checked is skipped; other findings are output of a passed case.
std::string format_junit(const std::vector<client::TargetReport>& reports, FailOn fail_on,
                         UnixSeconds now);

}  // namespace muster::report
