#pragma once

#include <vector>

#include "muster/responder/counters.h"
#include "muster/responder/setup.h"

namespace muster::responder {

/// A signer of a setup: positions in Setup::issuers() and Issuer::signers.
struct SignerRef {
  std::size_t issuer = 0;
  std::size_t signer = 0;
};

/// What goes around a signature of `signer`: its algorithm, and its certificate unless the CA signs
/// by itself. The signature is yet to be filled in.
ocsp::SignaturePart part_of(const IssuerSigner& signer);

/// One loop's signing contexts, a clone of every signer of a setup. Threads: one.
class Signings {
 public:
  explicit Signings(const Setup& setup);
  [[nodiscard]] pki::Signer& signer(SignerRef by) { return all_[by.issuer][by.signer].signer; }
  /// Signature over `tbs`; valid until the next call. Blocks for a remote key. Errors:
  /// kSigningFailed, kSignerUnavailable.
  Result<Bytes, Cause> sign(SignerRef by, Bytes tbs);
  /// The whole OCSPResponse: with the signer's certificate unless the CA signs by itself. Valid
  /// until the next call.
  Bytes assemble(SignerRef by, Bytes tbs, Bytes signature);

 private:
  struct One {
    pki::Signer signer;
    ocsp::SignaturePart part;  ///< algorithm and certificates stay, the signature is filled in
  };
  std::vector<std::vector<One>> all_;
  Buffer signature_, body_;
};

}  // namespace muster::responder
