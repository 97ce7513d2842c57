#include <algorithm>

#include "muster/base/text.h"
#include "muster/lint/report.h"

namespace muster::lint {
namespace {

std::string upper(std::string_view word) {
  std::string out(word);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return out;
}

void put_finding(std::string& out, const Outcome& outcome) {
  constexpr std::size_t kColumn = 10;
  const std::string indent(kColumn, ' ');
  std::string level = "  " + upper(to_string(outcome.rule->level));
  level.resize(kColumn, ' ');
  out += level + std::string(outcome.rule->id) + " - " + std::string(outcome.rule->clause) + " [" +
         std::string(outcome.rule->requirement) + "]\n";
  out += indent + std::string(outcome.rule->says) + "\n";
  for (const Breach& breach : outcome.breaches) {
    out += indent + printable(breach.where) + ": " + printable(breach.detail) + "\n";
  }
  if (outcome.broken > outcome.breaches.size()) {
    out += indent + "broken " + std::to_string(outcome.broken) + " times in all\n";
  }
}

}  // namespace

std::string profile_names(ProfileSet profiles) {
  std::string out;
  for (const ProfileRow& row : lint::profiles()) {
    if ((profiles & set_of({row.profile})) != 0) {
      out += (out.empty() ? "" : " ") + std::string(row.name);
    }
  }
  return out;
}

std::string report_text(const std::vector<Report>& reports, const ReportHead& head) {
  std::string out;
  for (const Report& report : reports) {
    out += printable(report.target) + "\n";
    if (!report.problem.empty()) {
      out += "  " + printable(report.problem) + "\n";
      continue;
    }
    for (const Level level : {Level::kMust, Level::kShould, Level::kInfo}) {
      for (const Outcome& outcome : report.outcomes) {
        if (outcome.state == Ruling::State::kBroken && outcome.rule->level == level) {
          put_finding(out, outcome);
        }
      }
    }
    out += "  " + std::to_string(report.findings(Level::kMust)) + " must, " +
           std::to_string(report.findings(Level::kShould)) + " should, " +
           std::to_string(report.findings(Level::kInfo)) + " info; " +
           std::to_string(report.count(Ruling::State::kHolds)) + " rules hold, " +
           std::to_string(report.count(Ruling::State::kNotApplicable)) + " do not apply (" +
           profile_names(head.profiles) + ")\n";
  }
  return out;
}

std::string plan_text(const std::vector<Probe>& probes) {
  std::string out;
  for (const Probe& probe : probes) {
    std::string kind(to_string(probe.kind));
    kind.resize(24, ' ');
    out += kind + (probe.post_body ? "POST " : "GET  ") + printable(probe.url);
    if (probe.post_body) {
      out += " (" + std::to_string(probe.post_body->size()) + " octets, " + probe.content_type +
             (probe.as_http_1_0 ? ", HTTP/1.0)" : ")");
    }
    out += "\n";
  }
  return out;
}

}  // namespace muster::lint
