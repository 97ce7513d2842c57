#pragma once

#include <string>
#include <vector>

#include "muster/lint/lint.h"
#include "muster/lint/probes.h"

// An audit told to people and to programs. Everything that came from outside is made printable.
namespace muster::lint {

struct ReportHead {
  UnixSeconds now;
  ProfileSet profiles;
  Level fail_on = Level::kMust;  ///< findings of this level and above are failures
};

/// Findings with their clauses, and what held in numbers.
std::string report_text(const std::vector<Report>& reports, const ReportHead& head);
/// One JSON document; docs/formats/lint.schema.json describes it.
std::string report_json(const std::vector<Report>& reports, const ReportHead& head);
/// A test suite a target, a test case a rule.
std::string report_junit(const std::vector<Report>& reports, const ReportHead& head);

/// The rules of these profiles: a table in Markdown, or JSON.
std::string rules_markdown(ProfileSet profiles);
std::string rules_json(ProfileSet profiles);

/// What would be sent, a line each.
std::string plan_text(const std::vector<Probe>& probes);

/// "rfc6960 cabf-tls".
std::string profile_names(ProfileSet profiles);

}  // namespace muster::lint
