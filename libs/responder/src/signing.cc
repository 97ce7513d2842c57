#include "signing.h"

namespace muster::responder {

Signings::Signings(const Setup& setup) {
  for (const Issuer& issuer : setup.issuers()) {
    std::vector<One>& own = all_.emplace_back();
    for (const IssuerSigner& signer : issuer.signers) {
      ocsp::SignaturePart part;
      pki::Signer clone = signer.signing.clone();
      part.algorithm = to_buffer(clone.algorithm());
      if (signer.authority != pki::Authority::kIssuer) {
        part.certificates.push_back(to_buffer(signer.certificate.der()));
      }
      own.push_back({std::move(clone), std::move(part)});
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

Buffer Signings::assemble(SignerRef by, Bytes tbs, Bytes signature) {
  ocsp::SignaturePart& part = all_[by.issuer][by.signer].part;
  part.signature.assign(signature.begin(), signature.end());
  return ocsp::encode_response(tbs, part);
}

}  // namespace muster::responder
