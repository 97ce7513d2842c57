#pragma once

#include <span>
#include <string>
#include <vector>

#include "muster/base/bytes.h"
#include "muster/pki/input.h"

// What octets of a file hold, told by their content and never by the file's name. Pure.
namespace muster::check {

/// One heap of certificates with what came beside it: the whole of a file, or one Secret.
struct Heap {
  std::string label;                           ///< "Secret shop/tls"; empty: the whole file
  std::vector<pki::Certificate> certificates;  ///< questions are among these
  std::vector<pki::Certificate> helpers;       ///< issuers that came along (ca.crt)
  std::vector<Buffer> responses;               ///< OCSP responses in DER that came along
  std::string problem;                         ///< not empty: what is wrong; the rest is void
};

struct Contents {
  std::vector<Heap> heaps;
  /// An OCSP response with nothing beside it, in DER; it parses.
  std::vector<Buffer> responses;
};

enum class ContentsErrc : std::uint8_t {
  kNothing,  ///< nothing that could be judged: empty, a key, a CRL, text
  kBroken,   ///< meant to hold certificates, but damaged, locked or too large
};
struct ContentsError {
  ContentsErrc code;
  std::string detail;  ///< what was found and what was wanted
};

/// Certificates in PEM, DER, PKCS#7 and PKCS#12, Kubernetes Secrets, OCSP responses.
/// \param passphrases  for PKCS#12, tried in their order after none and an empty one.
/// Threads: any, if `passphrases` allow that.
Result<Contents, ContentsError> read_contents(Bytes octets,
                                              std::span<const pki::AskPassphrase> passphrases);

}  // namespace muster::check
