#pragma once

#include <string>

#include "muster/base/file.h"
#include "muster/base/log.h"
#include "muster/edge/exporter.h"

// One run at a time on a directory.
namespace muster::edge {

/// Waits for another run that is under way there, at most `patience` long: whoever calls because of
/// a revocation need not call again, since this run sees it, or the other did. Held until the
/// descriptor is closed, or the process ends. Blocks. Errors: kBusy, kIo, kStopped.
Result<UniqueFd, ExportError> take_export_lock(const std::string& directory, Milliseconds patience,
                                               const std::stop_token& stop, Logger& logger);

}  // namespace muster::edge
