#pragma once

#include "muster/stapler/status.h"

namespace muster::stapler {

/// The report as Prometheus' text, at `now`: states are labels of samples that are 1, so that what
/// is absent is never taken for zero.
std::string render_metrics(const StatusReport& report, UnixSeconds now);

}  // namespace muster::stapler
