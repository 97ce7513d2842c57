#pragma once

#include "muster/config/config.h"

namespace muster::app {

/// What `muster stapler` can be told, by file ([stapler]) and by flags alike.
struct StaplerOptions {};

void bind(config::Section& section, StaplerOptions& options);

}  // namespace muster::app
