#include "muster/client/report.h"

#include <algorithm>

namespace muster::client {

Outcome worst(const std::vector<TargetReport>& reports) {
  Outcome worst = Outcome::kGood;
  for (const TargetReport& report : reports) {
    worst = std::max(worst, report.outcome);
  }
  return worst;
}

}  // namespace muster::client
