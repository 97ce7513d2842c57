#pragma once

#include <CLI/CLI.hpp>

#include <optional>

#include "commands.h"

namespace muster::app {

/// Parses the command line. Returns the exit code when the command is over already: kExitOk after --help, kExitUsage after a message about
/// what is wrong.
inline std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
}

}  // namespace muster::app
