#include "muster/node/readiness.h"

#include <algorithm>

#include "json_text.h"

namespace muster::node {

bool Readiness::is_ready() const {
  return std::all_of(checks.begin(), checks.end(), [](const Check& check) { return check.is_ok; });
}

std::string to_text(const Readiness& readiness) {
  std::string text = readiness.is_ready() ? "ready\n" : "not ready\n";
  for (const Check& check : readiness.checks) {
    if (!check.why.empty()) {
      text += std::string(check.is_ok ? "note: " : "") + check.what +
              (check.issuer.empty() ? "" : " (" + check.issuer + ")") + ": " + check.why + "\n";
    }
  }
  return text;
}

std::string to_json(const Readiness& readiness) {
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const Check& check : readiness.checks) {
    nlohmann::ordered_json one{{"check", check.what}, {"ok", check.is_ok}};
    if (!check.issuer.empty()) {
      one["issuer"] = check.issuer;
    }
    if (!check.why.empty()) {
      one["why"] = check.why;
    }
    checks.push_back(std::move(one));
  }
  return dump({{"ready", readiness.is_ready()}, {"checks", std::move(checks)}});
}

}  // namespace muster::node
