#pragma once

#include "muster/config/config.h"

namespace muster::app {

/// What `muster responder` can be told, by file ([responder]) and by flags alike.
struct ResponderOptions {};

void bind(config::Section& section, ResponderOptions& options);

}  // namespace muster::app
