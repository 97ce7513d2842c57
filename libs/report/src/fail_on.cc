#include "muster/report/fail_on.h"

#include <algorithm>
#include <array>

namespace muster::report {
namespace {

using client::Outcome;

/// The mildest outcome that fails, by threshold.
constexpr std::array kMildest = {Outcome::kRevoked, Outcome::kUnacceptable, Outcome::kUnknown,
                                 Outcome::kUndetermined, Outcome::kWarning};

}  // namespace

std::optional<FailOn> parse_fail_on(std::string_view word) {
  for (std::size_t i = 0; i < kMildest.size(); ++i) {
    if (client::to_string(kMildest[i]) == word) {
      return static_cast<FailOn>(i);
    }
  }
  return std::nullopt;
}

bool fails(Outcome outcome, FailOn threshold) {
  return outcome == Outcome::kUnreadable ||
         outcome >= kMildest[static_cast<std::size_t>(threshold)];
}

Outcome worst_failing(const std::vector<client::TargetReport>& reports, FailOn threshold) {
  Outcome worst = Outcome::kGood;
  for (const client::TargetReport& report : reports) {
    if (fails(report.outcome, threshold)) {
      worst = std::max(worst, report.outcome);
    }
  }
  return worst;
}

}  // namespace muster::report
