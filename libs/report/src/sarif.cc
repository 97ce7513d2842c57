#include "muster/report/sarif.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "muster/base/text.h"
#include "muster/report/row.h"

namespace muster::report {
namespace {

using client::FindingLevel;
using Json = nlohmann::ordered_json;

/// A target as a relative URI reference (RFC 3986): SARIF's locations are URIs, and "host:443"
/// would be one of scheme "host".
std::string uri_of(std::string_view target) {
  constexpr std::string_view kKept =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out = target.starts_with("//") ? "/." : "";  // no authority
  for (const char c : target) {
    if (kKept.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto octet = static_cast<unsigned char>(c);
      out += std::string("%") + kDigits[octet >> 4] + kDigits[octet & 0x0f];
    }
  }
  return out;
}

/// All results, and the rules they name in the order of their first use.
class Results {
 public:
  void add(const Row& row, std::string_view code, FindingLevel level, const std::string& detail) {
    const client::Reason* reason = client::find_reason(code);
    std::string message = row.target;
    if (!row.subject.empty()) {
      message += " (" + row.subject + ")";
    }
    message += ": " + (reason != nullptr ? std::string(reason->what) : std::string(code));
    if (!detail.empty()) {
      message += " " + detail;
    }
    Json logical;
    logical["fullyQualifiedName"] = row.target + (row.serial.empty() ? "" : "#" + row.serial);
    logical["kind"] = "resource";
    Json location;
    location["physicalLocation"]["artifactLocation"]["uri"] = uri_of(row.target);
    location["logicalLocations"].push_back(std::move(logical));
    Json result;
    result["ruleId"] = code;
    result["ruleIndex"] = rule(code);
    result["level"] = client::to_string(level);
    result["message"]["text"] = message;
    result["locations"].push_back(std::move(location));
    result["properties"]["verdict"] = client::to_string(row.outcome);
    if (!row.sha256.empty()) {  // the same finding about the same certificate in another run
      result["partialFingerprints"]["certificateAndCode/v1"] = row.sha256 + ":" + std::string(code);
    }
    results_.push_back(std::move(result));
  }

  Json take_results() { return std::move(results_); }
  Json take_rules() { return std::move(rules_); }

 private:
  std::size_t rule(std::string_view code) {
    const auto found = std::find(codes_.begin(), codes_.end(), code);
    if (found != codes_.end()) {
      return static_cast<std::size_t>(found - codes_.begin());
    }
    codes_.push_back(code);
    Json rule;
    rule["id"] = code;
    if (const client::Reason* reason = client::find_reason(code)) {
      rule["shortDescription"]["text"] = reason->what;
      rule["fullDescription"]["text"] = reason->why;
      rule["help"]["text"] =
          "Likely causes: " + std::string(reason->causes) + ".\n" + std::string(reason->fix);
    }
    rules_.push_back(std::move(rule));
    return codes_.size() - 1;
  }

  std::vector<std::string_view> codes_;
  Json results_ = Json::array(), rules_ = Json::array();
};

}  // namespace

std::string format_sarif(const std::vector<client::TargetReport>& reports, std::string_view version,
                         int exit_code, UnixSeconds now) {
  Results results;
  for (const client::TargetReport& report : reports) {
    const Row row = row_of(report, now);
    if (!report.what) {
      results.add(row, row.code, FindingLevel::kError, row.detail);
      continue;
    }
    for (const client::Finding& finding : report.verdict.findings) {
      results.add(row, finding.code, finding.level, printable(finding.detail));
    }
  }
  Json invocation;
  invocation["executionSuccessful"] = true;
  invocation["exitCode"] = exit_code;
  invocation["endTimeUtc"] = format_iso8601(now);
  Json run;
  Json& driver = run["tool"]["driver"];
  driver["name"] = "muster";
  driver["version"] = version;
  driver["rules"] = results.take_rules();
  run["columnKind"] = "utf16CodeUnits";
  run["invocations"].push_back(std::move(invocation));
  run["results"] = results.take_results();
  Json out;
  out["$schema"] = "https://json.schemastore.org/sarif-2.1.0.json";
  out["version"] = "2.1.0";
  out["runs"].push_back(std::move(run));
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace muster::report
