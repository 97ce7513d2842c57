#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "commands.h"
#include "muster/base/result.h"

namespace muster::app {

/// A message for people and the exit code it means.
struct Failure {
  int exit_code;
  std::string message;
};
template <class T>
using Outcome = Result<T, Failure>;

/// Parses the command line. Returns the exit code when the command is over already: kExitOk after
/// --help, kExitUsage after a message about what is wrong.
inline std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
}

}  // namespace muster::app
