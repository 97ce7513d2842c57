#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/report/format.h"
#include "screen.h"

// The group "What is printed" of `muster check --help`; declared in options_check_parts.h.
namespace muster::app {

struct CheckOutput {
  std::optional<report::Format> format;  ///< nothing: text; with --watch a table
  bool json = false;                     ///< --format json
  std::string file;                      ///< empty: standard output
  Paint paint = Paint::kAuto;
  report::FailOn fail_on = report::FailOn::kWarning;
  std::optional<report::Threshold> warning, critical;
  std::optional<Seconds> watch;  ///< between two rounds
  bool quiet = false;

  [[nodiscard]] report::Format chosen() const {
    return json ? report::Format::kJson
                : format.value_or(watch ? report::Format::kTable : report::Format::kText);
  }
};

/// What does not go together; empty: nothing.
std::string find_contradiction(const CheckOutput& output);
/// The words of a command line in which --watch has its value in the same word, its default where
/// none is given: "--watch host" watches a host, "--watch 30s host" every 30 s.
std::vector<std::string> with_watch_value(int argc, char** argv);

}  // namespace muster::app
