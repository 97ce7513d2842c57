#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "muster/report/fail_on.h"
#include "muster/report/nagios.h"
#include "muster/report/view.h"

// One report in the format that was asked for.
namespace muster::report {

enum class Format : std::uint8_t {
  kText,
  kTable,
  kJson,
  kNdjson,
  kCsv,
  kNagios,
  kJunit,
  kSarif,
  kPrometheus,
};
std::string_view to_string(Format format);
/// Nothing for another word.
std::optional<Format> parse_format(std::string_view word);
/// "text, table, ...": for messages.
std::string all_formats();

struct Settings {
  View view;
  FailOn fail_on = FailOn::kWarning;
  Thresholds thresholds{};  ///< of nagios
  std::string version{};    ///< of the program, for sarif
  bool only_bad = false;    ///< text and table: leave out what is good or not needed
};

/// All of the report. Everything that came from outside is escaped for the format.
/// Threads: pure, any thread.
std::string format_reports(Format format, const std::vector<client::TargetReport>& reports,
                           const Settings& settings);
/// What the process ends with: the exit code of the worst outcome that fails, 0 when none does;
/// nagios has codes of its own.
int exit_code_for(Format format, const std::vector<client::TargetReport>& reports,
                  const Settings& settings);

}  // namespace muster::report
