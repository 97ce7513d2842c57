#pragma once

#include "muster/config/config.h"

namespace muster::app {

/// What `muster front` can be told, by file ([front]) and by flags alike.
struct FrontOptions {};

void bind(config::Section& section, FrontOptions& options);

}  // namespace muster::app
