#include "muster/responder/policy.h"

#include <algorithm>

namespace muster::responder {
namespace {

using std::chrono::hours;
constexpr Seconds kShortestValidity{60};
constexpr Seconds kLongestValidity{366 * 86400};
constexpr Seconds kWebShortest = hours(8);
constexpr Seconds kWebLongest = hours(240);

}  // namespace

Result<Unit, PolicyError> check_policy(const IssuerPolicy& policy) {
  if (policy.validity < kShortestValidity || policy.validity > kLongestValidity) {
    return Err{PolicyError{"validity " + format_duration(policy.validity) +
                           " is outside 1 minute to 366 days; choose one inside, 7d is usual"}};
  }
  if (policy.refresh && (*policy.refresh <= Seconds(0) || *policy.refresh >= policy.validity)) {
    return Err{PolicyError{"refresh " + format_duration(*policy.refresh) + " must be shorter than validity " +
                           format_duration(policy.validity) + ", or answers expire before they are replaced"}};
  }
  if (policy.profile == Profile::kWeb) {
    if (policy.validity < kWebShortest || policy.validity > kWebLongest) {
      return Err{PolicyError{"validity " + format_duration(policy.validity) +
                             " is outside the 8 hours to 10 days that profile web allows (CA/B BR 4.9.9)"}};
    }
    if (policy.unissued == UnissuedAnswer::kRevoked) {
      return Err{PolicyError{"unissued = \"revoked\" uses reason certificateHold, which profile web forbids (CA/B BR "
                             "4.9.13); choose \"unauthorized\" or \"unknown\""}};
    }
    if (policy.unlisted == UnlistedAnswer::kGood) {
      return Err{PolicyError{"unlisted = \"good\" could call a serial good that was never issued, which profile web "
                             "forbids (CA/B BR 4.9.10); choose \"unauthorized\", or serve from index.txt"}};
    }
  }
  return Unit{};
}

Seconds refresh_age(const IssuerPolicy& policy) {
  Seconds age = policy.refresh.value_or(policy.validity / 2);
  if (policy.profile == Profile::kWeb) {
    age = std::min(age, policy.validity / 2);
    if (policy.validity >= hours(16)) {
      age = std::min({age, policy.validity - hours(8), Seconds(hours(96))});
    }
  }
  return std::max(age, Seconds(1));
}

}  // namespace muster::responder
