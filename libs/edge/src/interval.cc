#include "muster/base/text.h"
#include "muster/edge/answers.h"

namespace muster::edge {

std::vector<std::string> interval_faults(const responder::Setup& setup, Seconds interval) {
  std::vector<std::string> out;
  for (const responder::Issuer& issuer : setup.issuers()) {
    const responder::IssuerPolicy& policy = issuer.terms.policy;
    // An answer of a running responder may be as old as it lets them get.
    const Seconds left = policy.validity - responder::refresh_age(policy);
    if (issuer.open && policy.next_update == responder::NextUpdate::kStated && interval > left) {
      out.push_back("issuer '" + printable(issuer.label) + "': interval is " +
                    std::to_string(interval.count()) + " s, but answers may have only " +
                    std::to_string(left.count()) +
                    " s left when they are exported (validity less refresh), so files may end "
                    "before the next run; run the export more often, or make validity longer");
    }
  }
  return out;
}

}  // namespace muster::edge
