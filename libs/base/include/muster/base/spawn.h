#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "muster/base/result.h"

namespace muster {

/// Starts an operator's command without a shell, found on the PATH: in a process group of its own,
/// so that all of it can be killed; with the signals blocked or ignored here back at their
/// defaults; what it prints goes to our standard error.
/// \param command  program and arguments; at least the program
/// \param environment  "NAME=value" entries besides our own, of which those withheld are left out
/// \param standard_input  read by it; -1: nothing
/// Errors: errno. The caller waits for it (waitpid).
Result<::pid_t, int> spawn_command(const std::vector<std::string>& command,
                                   const std::vector<std::string>& environment,
                                   int standard_input = -1);

/// From now on no command is given this variable of our environment: it holds a secret. Threads:
/// any.
void withhold_from_commands(std::string_view variable);

}  // namespace muster
