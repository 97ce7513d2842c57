#include "draft.h"

namespace muster::responder {

Buffer Drafter::draft(const Setup& setup, const std::vector<Asked>& asked, const std::optional<Bytes>& nonce,
                      UnixSeconds now) {
  const Issuer& issuer = setup.issuers()[asked.front().by.issuer];
  const IssuerSigner& signer = issuer.signers[asked.front().by.signer];
  if (issuer.terms.policy.responder_id == ResponderIdForm::kByKey) {
    data_.responder_id = signer.certificate.key_hash();
  } else {
    data_.responder_id = to_buffer(signer.certificate.subject());
  }
  data_.produced_at = now;
  data_.responses.resize(asked.size());
  bool never_issued = false;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    ocsp::SingleResponse& single = data_.responses[i];
    const Resolved& resolved = asked[i].resolved;
    single.cert_id.assign(asked[i].id.raw.begin(), asked[i].id.raw.end());
    single.status = resolved.status;
    single.this_update = resolved.this_update;
    single.next_update = resolved.next_update;
    never_issued = never_issued || resolved.never_issued == NeverIssued::kYes;
  }
  data_.extensions.clear();
  if (nonce) {
    data_.extensions.push_back({to_buffer(oid::kOcspNonce), false, to_buffer(*nonce)});
  }
  if (never_issued) {
    data_.extensions.push_back({to_buffer(oid::kOcspExtendedRevoked), false, {0x05, 0x00}});
  }
  return ocsp::encode_response_data(data_);
}

}  // namespace muster::responder
