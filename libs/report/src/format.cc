#include "muster/report/format.h"

#include <algorithm>
#include <array>

#include "muster/report/csv.h"
#include "muster/report/json.h"
#include "muster/report/junit.h"
#include "muster/report/prometheus.h"
#include "muster/report/sarif.h"
#include "muster/report/table.h"
#include "muster/report/text.h"

namespace muster::report {
namespace {

constexpr std::array<std::string_view, 9> kWords = {"text",   "table", "json",  "ndjson",    "csv",
                                                    "nagios", "junit", "sarif", "prometheus"};

std::vector<client::TargetReport> bad_ones(const std::vector<client::TargetReport>& reports) {
  std::vector<client::TargetReport> out;
  std::copy_if(
      reports.begin(), reports.end(), std::back_inserter(out),
      [](const client::TargetReport& r) { return r.outcome > client::Outcome::kNotNeeded; });
  return out;
}

}  // namespace

std::string_view to_string(Format format) { return kWords[static_cast<std::size_t>(format)]; }

std::optional<Format> parse_format(std::string_view word) {
  const auto found = std::find(kWords.begin(), kWords.end(), word);
  return found == kWords.end() ? std::nullopt
                               : std::optional(static_cast<Format>(found - kWords.begin()));
}

std::string all_formats() {
  std::string out;
  for (const std::string_view word : kWords) {
    out += (out.empty() ? "" : ", ") + std::string(word);
  }
  return out;
}

std::string format_reports(Format format, const std::vector<client::TargetReport>& reports,
                           const Settings& settings) {
  const View& view = settings.view;
  const auto rows = [&] { return rows_of(reports, view.now); };
  switch (format) {
    case Format::kText:
      return format_text(settings.only_bad ? bad_ones(reports) : reports, view);
    case Format::kTable: {
      const auto shown = rows_of(settings.only_bad ? bad_ones(reports) : reports, view.now);
      return settings.only_bad && shown.empty() ? "" : format_table(shown, view);
    }
    case Format::kJson:
      return format_json(reports, settings.fail_on, view.now);
    case Format::kNdjson: {
      std::string lines;
      for (const client::TargetReport& report : reports) {
        lines += format_json_line(report, view.now);
      }
      return lines;
    }
    case Format::kCsv:
      return format_csv(rows());
    case Format::kNagios:
      return format_nagios(rows(), settings.thresholds, view.now);
    case Format::kJunit:
      return format_junit(reports, settings.fail_on, view.now);
    case Format::kSarif:
      return format_sarif(reports, settings.version, exit_code_for(format, reports, settings),
                          view.now);
    case Format::kPrometheus:
      return format_prometheus(rows(), view.now);
  }
  return "";
}

int exit_code_for(Format format, const std::vector<client::TargetReport>& reports,
                  const Settings& settings) {
  if (format == Format::kNagios) {
    return nagios_exit_code(
        nagios_state(rows_of(reports, settings.view.now), settings.thresholds, settings.view.now));
  }
  return client::exit_code(worst_failing(reports, settings.fail_on));
}

}  // namespace muster::report
