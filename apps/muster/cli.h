#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "commands.h"
#include "help_text.h"
#include "muster/base/result.h"
#include "muster/base/text.h"

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

/// What is wrong with the word where `app`, parsed in vain, wants the name of a command; empty: it
/// wants none, or has none of a wrong name.
inline std::string find_wrong_command(CLI::App& app) {
  const std::vector<std::string> left = app.remaining();
  if (app.get_require_subcommand_min() == 0 || !app.get_subcommands().empty() || left.empty() ||
      left.front().starts_with('-')) {
    return "";
  }
  const std::vector<CLI::App*> commands = app.get_subcommands([](CLI::App*) { return true; });
  std::vector<std::string_view> names;
  names.reserve(commands.size());
  for (const CLI::App* const command : commands) {
    names.emplace_back(command->get_name());
  }
  const std::string_view guess = closest_match(left.front(), names);
  std::string problem = "unknown command '" + printable(left.front()) + "'";
  if (!guess.empty()) {
    problem += " (did you mean '" + std::string(guess) + "'?)";
  }
  problem += names.size() == 1 ? "; there is " : "; there are ";
  for (std::size_t i = 0; i < names.size(); ++i) {
    problem += i == 0 ? "" : ", ";
    problem += names[i];
  }
  return problem;
}

/// Parses the command line. Returns the exit code when the command is over already: kExitOk after
/// --help, kExitUsage after a message about what is wrong.
inline std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      if (const std::string wrong = find_wrong_command(app); !wrong.empty()) {
        std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), wrong.c_str());
        return kExitUsage;
      }
    }
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
