#include "muster/report/junit.h"

#include <cstdio>

#include "muster/report/row.h"
#include "muster/report/text.h"

namespace muster::report {
namespace {

using client::Outcome;

/// For text and attributes alike. Rows and format_text hold no character that XML 1.0 forbids.
std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&apos;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string attribute(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=\"" + escape(value) + "\"";
}

std::string seconds(Milliseconds t) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(t.count()) / 1000);
  return text;
}

enum class Result : std::uint8_t { kPassed, kSkipped, kFailure, kError };

Result result_of(Outcome outcome, FailOn fail_on) {
  if (outcome == Outcome::kNotNeeded) {
    return Result::kSkipped;
  }
  if (!fails(outcome, fail_on)) {
    return Result::kPassed;
  }
  return outcome == Outcome::kUndetermined || outcome == Outcome::kUnreadable ? Result::kError
                                                                              : Result::kFailure;
}

std::string message_of(const Row& row) {
  std::string message(client::to_string(row.outcome));
  if (!row.code.empty() && row.code != message) {
    message += ": " + std::string(row.code);
  }
  return row.detail.empty() ? message : message + ": " + row.detail;
}

struct Counts {
  std::size_t failures = 0, errors = 0, skipped = 0;
  Milliseconds asked{0};
};

std::string test_case(const client::TargetReport& report, const Row& row, Result result,
                      UnixSeconds now) {
  const std::string name =
      row.subject.empty() ? "status" : short_subject(row) + " serial " + row.serial;
  std::string out = "    <testcase" + attribute("classname", row.target) + attribute("name", name) +
                    attribute("time", seconds(row.asked));
  const std::string text =
      escape(format_text({report}, {.now = now, .colour = Colour::kPlain, .columns = 0}));
  switch (result) {
    case Result::kSkipped:
      return out + ">\n      <skipped" + attribute("message", message_of(row)) +
             "/>\n    </testcase>\n";
    case Result::kPassed:
      return row.codes.empty()
                 ? out + "/>\n"
                 : out + ">\n      <system-out>" + text + "</system-out>\n    </testcase>\n";
    case Result::kFailure:
    case Result::kError:
      break;
  }
  const std::string element = result == Result::kError ? "error" : "failure";
  return out + ">\n      <" + element + attribute("type", row.code) +
         attribute("message", message_of(row)) + ">" + text + "</" + element +
         ">\n    </testcase>\n";
}

}  // namespace

std::string format_junit(const std::vector<client::TargetReport>& reports, FailOn fail_on,
                         UnixSeconds now) {
  Counts counts;
  std::string cases;
  for (const client::TargetReport& report : reports) {
    const Row row = row_of(report, now);
    const Result result = result_of(report.outcome, fail_on);
    counts.failures += result == Result::kFailure ? 1 : 0;
    counts.errors += result == Result::kError ? 1 : 0;
    counts.skipped += result == Result::kSkipped ? 1 : 0;
    counts.asked += row.asked;
    cases += test_case(report, row, result, now);
  }
  const std::string figures = attribute("name", "muster check") +
                              attribute("tests", std::to_string(reports.size())) +
                              attribute("failures", std::to_string(counts.failures)) +
                              attribute("errors", std::to_string(counts.errors)) +
                              attribute("skipped", std::to_string(counts.skipped)) +
                              attribute("time", seconds(counts.asked));
  // JUnit's schema knows no time zone; it is UTC.
  const std::string when = format_iso8601(now).substr(0, 19);
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" + figures + ">\n  <testsuite" +
         figures + attribute("timestamp", when) + ">\n" + cases + "  </testsuite>\n</testsuites>\n";
}

}  // namespace muster::report
