#include "draft.h"

#include "muster/ocsp/encode_into.h"
#include "single_extensions.h"

namespace muster::responder {

void Drafter::add_extension(std::size_t& count, Bytes oid, Bytes value) {
  if (data_.extensions.size() <= count) {
    data_.extensions.resize(count + 1);
  }
  der::Extension& extension = data_.extensions[count++];
  extension.oid.assign(oid.begin(), oid.end());
  extension.critical = false;
  extension.value.assign(value.begin(), value.end());
}

const Buffer& Drafter::draft(const Setup& setup, const std::vector<Asked>& asked,
                             const std::optional<Bytes>& nonce, const store::Reader& reader,
                             UnixSeconds now) {
  const Issuer& issuer = setup.issuers()[asked.front().by.issuer];
  const IssuerSigner& signer = issuer.signers[asked.front().by.signer];
  if (issuer.terms.policy.responder_id == ResponderIdForm::kByKey) {
    data_.responder_id = signer.certificate.key_hash();
  } else {
    const Bytes subject = signer.certificate.subject();
    auto* name = std::get_if<Buffer>(&data_.responder_id);
    (name != nullptr ? *name : data_.responder_id.emplace<Buffer>())
        .assign(subject.begin(), subject.end());
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
  std::size_t extensions = 0;
  if (nonce) {
    add_extension(extensions, oid::kOcspNonce, *nonce);
  }
  if (marked) {
    constexpr std::uint8_t kNull[] = {0x05, 0x00};
    add_extension(extensions, oid::kOcspExtendedRevoked, kNull);
  }
  data_.extensions.resize(extensions);
  ocsp::encode_response_data_into(data_, tbs_);
  return tbs_;
}

}  // namespace muster::responder
