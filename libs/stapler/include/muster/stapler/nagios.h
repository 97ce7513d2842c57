#pragma once

#include <string>

#include "muster/stapler/status.h"

namespace muster::stapler {

/// Exit codes of monitoring plugins.
inline constexpr int kNagiosOk = 0, kNagiosWarning = 1, kNagiosCritical = 2, kNagiosUnknown = 3;

struct NagiosResult {
  int exit_code = kNagiosUnknown;
  std::string
      text;  ///< one line and its performance data, then a line for each thing that is wrong
};
/// The report judged at `now` as monitoring plugins tell it. Critical: a must-staple certificate
/// without a staple, anything expired, revoked or about to expire, a target that serves what
/// clients must refuse, a stapler that does not report. Warning: everything else that
/// status_exit_code() is not content with, and what an operator paused.
NagiosResult render_nagios(const StatusReport& report, UnixSeconds now);
/// The report could not be read.
NagiosResult nagios_unknown(const std::string& why);

}  // namespace muster::stapler
