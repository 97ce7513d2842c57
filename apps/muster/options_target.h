#pragma once

#include "muster/config/config.h"
#include "muster/stapler/target.h"

namespace muster::app {

/// One [[stapler.target]].
void bind_target(config::Section& section, stapler::TargetOptions& target);

/// --target TYPE[,KEY=VALUE]...: the same keys as in the file; a key of several values is repeated,
/// `reload` and `command` are words between blanks. Errors: one sentence for people.
Result<stapler::TargetOptions, std::string> parse_target_flag(const std::string& text);

}  // namespace muster::app
