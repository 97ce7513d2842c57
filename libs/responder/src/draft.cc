#include "draft.h"

#include "single_extensions.h"

namespace muster::responder {

Buffer Drafter::draft(const Setup& setup, const std::vector<Asked>& asked,
                      const std::optional<Bytes>& nonce, const store::Reader& reader,
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
  bool marked = false;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    ocsp::SingleResponse& single = data_.responses[i];
    const Resolved& resolved = asked[i].resolved;
    single.cert_id.assign(asked[i].id.raw.begin(), asked[i].id.raw.end());
    single.status = resolved.status;
    single.this_update = resolved.this_update;
    const Issuer& own = setup.issuers()[asked[i].by.issuer];
    if (own.terms.policy.next_update == NextUpdate::kOmitted) {
      single.next_update.reset();
    } else {
      single.next_update = resolved.next_update;
    }
    single.extensions =
        make_single_extensions(own, asked[i], reader.issuer_state(own.store_id), now);
    marked = marked || resolved.never_issued == NeverIssued::kYes ||
             own.terms.policy.extended_revoked == Shown::kYes;
  }
  data_.extensions.clear();
  if (nonce) {
    data_.extensions.push_back({to_buffer(oid::kOcspNonce), false, to_buffer(*nonce)});
  }
  if (marked) {
    data_.extensions.push_back({to_buffer(oid::kOcspExtendedRevoked), false, {0x05, 0x00}});
  }
  return ocsp::encode_response_data(data_);
}

}  // namespace muster::responder
