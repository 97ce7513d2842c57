#pragma once

#include <functional>
#include <vector>

#include "muster/testing/response_builder.h"

// A corpus of answers that must not be believed, made afresh for a PKI and an instant: the
// verifier's tests judge it, and so do other people's programs (tests/interop/acceptance).
namespace muster::testing {

/// Whom the answers are about, and when.
struct BadAnswerWorld {
  const TestPki& pki;
  UnixSeconds now;                              ///< the instant of `pki`
  HashAlgorithm hash = HashAlgorithm::kSha256;  ///< of CertIDs

  /// One hour old, good for a day.
  [[nodiscard]] EntrySpec entry(const Identity& subject, const Identity& issuer,
                                ocsp::CertStatus status = ocsp::Good{}) const;
  /// A good answer about the leaf, to be spoilt.
  [[nodiscard]] ResponseSpec response() const;
  [[nodiscard]] Buffer signed_by(const Identity& signer, std::vector<EntrySpec> entries) const;
  [[nodiscard]] Buffer good() const;
  /// The same certificate, valid around `now`.
  [[nodiscard]] CertificateSpec at(CertificateSpec spec) const;
  [[nodiscard]] CertificateSpec signer_spec() const { return at(ocsp_signer_spec()); }
};

struct BadAnswer {
  const char* name;
  const char* code;  ///< with which the verifier refuses it
  /// Of `muster check` when it is all that a responder says: 3 undetermined (an error status is no
  /// answer), 4 unacceptable. As a staple or from a file every one of them is 4.
  int live_exit_code;
  std::function<Buffer(const BadAnswerWorld&)> make;
};
/// About the leaf of the world's PKI; each has one thing wrong.
std::vector<BadAnswer> bad_answers();

}  // namespace muster::testing
