#include "muster/base/text.h"
#include "muster/lint/report.h"

namespace muster::lint {
namespace {

/// Text of an element or attribute. printable() left no control characters.
std::string xml(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
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
      default:
        out += c;
    }
  }
  return out;
}

std::string breaches_text(const Outcome& outcome) {
  std::string out;
  for (const Breach& breach : outcome.breaches) {
    out += xml(breach.where + ": " + breach.detail) + "\n";
  }
  return out + xml(std::string(outcome.rule->clause) + " [" +
                   std::string(outcome.rule->requirement) + "]");
}

bool is_failure(const Outcome& outcome, Level fail_on) {
  return outcome.state == Ruling::State::kBroken && outcome.rule->level >= fail_on;
}

void put_case(std::string& out, const Outcome& outcome, Level fail_on) {
  out += "    <testcase classname=\"muster.lint." + std::string(to_string(outcome.rule->scope)) +
         "\" name=\"" + xml(outcome.rule->id) + "\"";
  if (outcome.state == Ruling::State::kHolds) {
    out += "/>\n";
    return;
  }
  out += ">";
  if (outcome.state == Ruling::State::kNotApplicable) {
    out += "<skipped message=\"does not apply\"/>";
  } else if (is_failure(outcome, fail_on)) {
    out += "<failure type=\"" + std::string(to_string(outcome.rule->level)) + "\" message=\"" +
           xml(outcome.rule->says) + "\">" + breaches_text(outcome) + "</failure>";
  } else {
    out += "<system-out>" + std::string(to_string(outcome.rule->level)) + ": " +
           xml(outcome.rule->says) + "\n" + breaches_text(outcome) + "</system-out>";
  }
  out += "</testcase>\n";
}

}  // namespace

std::string report_junit(const std::vector<Report>& reports, const ReportHead& head) {
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"muster lint\">\n";
  for (const Report& report : reports) {
    std::size_t failures = 0;
    for (const Outcome& outcome : report.outcomes) {
      failures += is_failure(outcome, head.fail_on) ? 1U : 0U;
    }
    const bool has_problem = !report.problem.empty();
    out += "  <testsuite name=\"" + xml(report.target) + "\" tests=\"" +
           std::to_string(report.outcomes.size() + (has_problem ? 1 : 0)) + "\" failures=\"" +
           std::to_string(failures) + "\" errors=\"" + (has_problem ? "1" : "0") + "\" skipped=\"" +
           std::to_string(report.count(Ruling::State::kNotApplicable)) + "\" timestamp=\"" +
           format_iso8601(head.now) + "\">\n";
    if (has_problem) {
      out += "    <testcase classname=\"muster.lint\" name=\"target\"><error message=\"" +
             xml(report.problem) + "\"/></testcase>\n";
    }
    for (const Outcome& outcome : report.outcomes) {
      put_case(out, outcome, head.fail_on);
    }
    out += "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

}  // namespace muster::lint
