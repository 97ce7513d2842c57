#include "lookup.h"

#include <algorithm>

namespace muster::responder {

Result<std::size_t, Cause> find_issuer(const Setup& setup, const ocsp::CertIdView& id) {
  const auto hash = der::find_hash(id.hash_algorithm);
  if (!hash || (*hash == HashAlgorithm::kSha1 && setup.policy().sha1 == Sha1CertIds::kRefused)) {
    return Err{Cause::kUnknownHash};
  }
  const auto issuer = setup.index().find(*hash, id.issuer_name_hash, id.issuer_key_hash);
  if (!issuer) {
    return Err{Cause::kUnknownIssuer};
  }
  if ((setup.issuers()[*issuer].terms.policy.cert_id_hashes & hash_set(*hash)) == 0) {
    return Err{Cause::kUnknownHash};
  }
  return *issuer;
}

Resolved look_up(const Setup& setup, const store::Reader& reader, SignerRef by, Bytes serial,
                 UnixSeconds now) {
  const Issuer& who = setup.issuers()[by.issuer];
  const IssuerSigner& signer = who.signers[by.signer];
  const auto record = reader.find(who.store_id, serial);
  if (!record) {  // never to be taken for "no record"
    Resolved failed;
    failed.cause = Cause::kStoreUnreadable;
    return failed;
  }
  return resolve(who.terms, {signer.not_before, signer.not_after},
                 reader.issuer_state(who.store_id), *record, now);
}

SignerMask not_shared(const Setup& setup, const std::vector<Asked>& asked) {
  SignerMask out = 0;
  const std::vector<IssuerSigner>& signers = setup.issuers()[asked.front().by.issuer].signers;
  for (std::size_t i = 0; i < signers.size(); ++i) {
    const bool shared = std::all_of(asked.begin(), asked.end(), [&](const Asked& one) {
      const auto& own = setup.issuers()[one.by.issuer].signers;
      return std::any_of(own.begin(), own.end(), [&](const IssuerSigner& signer) {
        return signer.number == signers[i].number;
      });
    });
    out |= (shared ? 0U : 1U) << i;
  }
  return out;
}

Cause resolve_all(const Setup& setup, const store::Reader& reader, std::vector<Asked>& asked,
                  std::size_t position, UnixSeconds now) {
  Cause first = Cause::kNone;
  const std::size_t number = setup.issuers()[asked.front().by.issuer].signers[position].number;
  for (Asked& one : asked) {
    const auto& own = setup.issuers()[one.by.issuer].signers;
    const auto same = std::find_if(own.begin(), own.end(), [number](const IssuerSigner& signer) {
      return signer.number == number;
    });
    one.by.signer = static_cast<std::size_t>(same - own.begin());
    one.resolved = look_up(setup, reader, one.by, one.id.serial, now);
    first = first == Cause::kNone ? one.resolved.cause : first;
  }
  return first;
}

}  // namespace muster::responder
