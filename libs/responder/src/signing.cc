#include "signing.h"

#include "muster/ocsp/encode_into.h"

namespace muster::responder {

ocsp::SignaturePart part_of(const IssuerSigner& signer) {
  ocsp::SignaturePart part;
  part.algorithm = to_buffer(signer.signing.algorithm());
  if (signer.authority != pki::Authority::kIssuer) {
    part.certificates.push_back(to_buffer(signer.certificate.der()));
  }
  return part;
}

Signings::Signings(const Setup& setup) {
  for (const Issuer& issuer : setup.issuers()) {
    std::vector<One>& own = all_.emplace_back();
    for (const IssuerSigner& signer : issuer.signers) {
      own.push_back({signer.signing.clone(), part_of(signer)});
    }
  }
}

Result<Bytes, Cause> Signings::sign(SignerRef by, Bytes tbs) {
  if (const auto made = signer(by).sign(tbs, signature_); !made) {
    return Err{made.error().code == pki::PkiErrc::kUnavailable ? Cause::kSignerUnavailable
                                                               : Cause::kSigningFailed};
  }
  return Bytes(signature_);
}

Bytes Signings::assemble(SignerRef by, Bytes tbs, Bytes signature) {
  ocsp::SignaturePart& part = all_[by.issuer][by.signer].part;
  part.signature.assign(signature.begin(), signature.end());
  ocsp::encode_response_into(tbs, part, body_);
  return body_;
}

}  // namespace muster::responder
