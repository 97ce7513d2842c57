#include "muster/client/examine.h"

#include <algorithm>

#include "verify_steps.h"

namespace muster::client {

const VerifyError* Examination::find(VerifyErrc code) const {
  const auto found = std::find_if(errors.begin(), errors.end(),
                                  [code](const VerifyError& e) { return e.code == code; });
  return found == errors.end() ? nullptr : &*found;
}

Examination examine(const ExamineInput& input, const VerifyPolicy& policy, UnixSeconds now) {
  Examination out;
  const auto note = [&out](const auto& result) {
    if (!result) {
      out.errors.push_back(result.error());
    }
  };
  const auto basic = open_response(input.response, policy.limits);
  note(basic);
  if (!basic) {
    return out;
  }
  out.is_open = true;
  if (input.issuer != nullptr) {
    if (input.certificate != nullptr) {
      note(check_issuer_name(*input.certificate, *input.issuer));
    }
    const auto signer = find_signer(*basic, {input.issuer, input.extra_certificates}, policy, now);
    note(signer);
    if (signer) {
      out.signer = signer->certificate;
      out.authority = signer->authority;
    }
  }
  note(check_extensions(*basic));
  std::vector<ocsp::SingleResponseView> entries;
  if (input.issuer != nullptr && input.certificate != nullptr) {
    const auto matching = find_matching(*basic, *input.certificate, *input.issuer);
    note(matching);
    entries = matching ? *matching : entries;
    note(check_nonce(*basic, input.nonce_sent, policy));
    note(check_produced_at(*basic, *input.certificate));
  } else {
    entries.assign(basic->responses.begin(), basic->responses.end());
    note(check_nonce(*basic, input.nonce_sent, policy));
  }
  for (const ocsp::SingleResponseView& entry : entries) {
    note(choose_entry({entry}, policy, now));
  }
  return out;
}

}  // namespace muster::client
