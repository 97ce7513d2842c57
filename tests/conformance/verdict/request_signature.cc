#include <algorithm>

#include "case_judge.h"
#include "muster/ocsp/ocsp.h"

namespace muster::vectors {

/// A signed request counts when one of the certificates at hand made the signature and leads to the
/// root, at the time of the check.
Judgement judge_request(const Case& c) {
  Judgement judgement;
  judgement.overall = "parsed";
  const Buffer octets = c.read_main();
  const auto reject = [&](const char* layer) {
    judgement.overall = "reject";
    judgement.faults.insert(layer);
    return judgement;
  };
  const auto request = ocsp::parse_request(octets);
  if (!request) {
    return reject("parse");
  }
  const std::vector<pki::Certificate> roots = load_role(c, "root");
  if (!request->signature || roots.empty()) {
    return judgement;  // nothing to verify, or nobody to trust
  }
  std::vector<pki::Certificate> at_hand;
  for (const Bytes der : request->signature->certificates) {
    if (auto parsed = pki::Certificate::parse(der)) {
      at_hand.push_back(*std::move(parsed));
    }
  }
  for (const pki::Certificate& extra : load_role(c, "extra")) {
    at_hand.push_back(extra);
  }
  const auto signer =
      std::find_if(at_hand.begin(), at_hand.end(), [&](const pki::Certificate& candidate) {
        return bool(pki::verify_signature(request->signature->algorithm, request->tbs_raw,
                                          request->signature->signature, candidate,
                                          lenient_algorithms()));
      });
  if (signer == at_hand.end()) {
    judgement.signature = "bad";
    return reject("signature");
  }
  judgement.signature = "good";
  const UnixSeconds now = c.verify_time.value_or(signer->not_before());
  if (!pki::find_path(*signer, at_hand, roots, now, pki::LeafValidity::kChecked,
                      lenient_algorithms())) {
    return reject("chain");
  }
  return judgement;
}

}  // namespace muster::vectors
