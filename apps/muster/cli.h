#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>

#include "commands.h"
#include "help_text.h"
#include "muster/base/result.h"

namespace muster::app {

/// A message for people and the exit code it means.
struct Failure {
  int exit_code;
  std::string message;
};
template <class T>
using Outcome = Result<T, Failure>;
inline Err<Failure> fail(int exit_code, std::string message) {
  return Err{Failure{exit_code, std::move(message)}};
}

/// The first flag that was given an empty text; none means that.
inline const CLI::Option* find_empty_flag(const CLI::App& app) {
  for (const CLI::Option* const option : app.get_options()) {
    const auto& words = option->results();
    if (!option->get_positional() &&
        std::any_of(words.begin(), words.end(), [](const auto& word) { return word.empty(); })) {
      return option;
    }
  }
  for (const CLI::App* const command : app.get_subcommands()) {
    if (const CLI::Option* const found = find_empty_flag(*command)) {
      return found;
    }
  }
  return nullptr;
}

/// Parses the command line. Returns the exit code when the command is over already: kExitOk after
/// --help, kExitUsage after a message about what is wrong.
inline std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream text;
    const int code = app.exit(error, text, std::cerr);
    std::fputs(fold_help(text.str()).c_str(), stdout);
    return code == 0 ? kExitOk : kExitUsage;
  }
  if (const CLI::Option* const empty = find_empty_flag(app)) {
    std::fprintf(stderr, "%s: %s is empty text: an unset variable of a script?\n",
                 app.get_name().c_str(), empty->get_name().c_str());
    return kExitUsage;
  }
  return std::nullopt;
}

}  // namespace muster::app
