#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "muster/client/report.h"
#include "options_check_output.h"

// Prints what checks bring, once or round after round.
namespace muster::app {

/// Whom a round of checks tells.
struct RoundHooks {
  /// Takes reports: in the order of the targets or, with `as_ready`, as they come.
  std::function<void(std::vector<client::TargetReport>)> deliver;
  bool as_ready = false;
  /// How many targets are done; empty: nobody wants to know.
  std::function<void(std::size_t done, std::size_t total, std::optional<Milliseconds> left)>
      progress;
  /// Whether no further target is to be begun. Any thread.
  std::function<bool()> stopped;
};
/// Checks everything once. Blocking; hooks but `stopped` run on the calling thread.
using Round = std::function<void(const RoundHooks&)>;

/// Runs rounds until there is nothing more to print. Returns the exit code of the process.
int print_checks(const CheckOutput& output, const Round& round, const Clock& clock);
/// For checks that could not begin: the message where the format wants it.
int print_refusal(const CheckOutput& output, int exit_code, const std::string& message);

}  // namespace muster::app
