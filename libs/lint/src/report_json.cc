#include <nlohmann/json.hpp>

#include "muster/base/text.h"
#include "muster/lint/advice.h"
#include "muster/lint/report.h"

namespace muster::lint {
namespace {

using Json = nlohmann::ordered_json;

Json profiles_json(ProfileSet set) {
  Json out = Json::array();
  for (const ProfileRow& row : profiles()) {
    if ((set & set_of({row.profile})) != 0) {
      out.push_back(row.name);
    }
  }
  return out;
}

Json outcome_json(const Outcome& outcome) {
  Json out = {{"rule", outcome.rule->id},       {"level", to_string(outcome.rule->level)},
              {"clause", outcome.rule->clause}, {"requirement", outcome.rule->requirement},
              {"says", outcome.rule->says},     {"times", outcome.broken},
              {"breaches", Json::array()}};
  for (const Breach& breach : outcome.breaches) {
    out["breaches"].push_back(
        {{"where", printable(breach.where)}, {"detail", printable(breach.detail)}});
  }
  return out;
}

Json report_json(const Report& report) {
  Json out = {{"target", printable(report.target)},
              {"problem", report.problem.empty() ? Json(nullptr) : Json(printable(report.problem))},
              {"must", report.findings(Level::kMust)},
              {"should", report.findings(Level::kShould)},
              {"info", report.findings(Level::kInfo)},
              {"findings", Json::array()},
              {"holds", Json::array()},
              {"not_applicable", Json::array()}};
  for (const Outcome& outcome : report.outcomes) {
    switch (outcome.state) {
      case Ruling::State::kBroken:
        out["findings"].push_back(outcome_json(outcome));
        break;
      case Ruling::State::kHolds:
        out["holds"].push_back(outcome.rule->id);
        break;
      case Ruling::State::kNotApplicable:
        out["not_applicable"].push_back(outcome.rule->id);
        break;
    }
  }
  return out;
}

}  // namespace

std::string report_json(const std::vector<Report>& reports, const ReportHead& head) {
  Json out = {{"schema_version", 1},
              {"linted_at", {{"iso", format_iso8601(head.now)}, {"epoch", to_int(head.now)}}},
              {"profiles", profiles_json(head.profiles)},
              {"fail_on", to_string(head.fail_on)},
              {"targets", Json::array()}};
  for (const Report& report : reports) {
    out["targets"].push_back(report_json(report));
  }
  return out.dump(2) + "\n";
}

std::string rules_json(ProfileSet profiles) {
  Json out = Json::array();
  for (const Rule& rule : rules()) {
    if ((rule.profiles & profiles) == 0) {
      continue;
    }
    out.push_back({{"rule", rule.id},
                   {"scope", to_string(rule.scope)},
                   {"level", to_string(rule.level)},
                   {"profiles", profiles_json(rule.profiles)},
                   {"clause", rule.clause},
                   {"requirement", rule.requirement},
                   {"says", rule.says},
                   {"why", advice_of(rule).why},
                   {"fix", advice_of(rule).fix},
                   {"probe", rule.probe ? Json(to_string(*rule.probe)) : Json(nullptr)}});
  }
  return out.dump(2) + "\n";
}

}  // namespace muster::lint
