#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/base/bytes.h"
#include "muster/base/result.h"

// Kubernetes manifests: the certificates and the staple of each TLS Secret in them. Pure.
namespace muster::check {

/// Secrets of one manifest that are looked at; more are an error.
inline constexpr std::size_t kMaxSecrets = 10'000;
/// Lists inside lists of one manifest.
inline constexpr std::size_t kMaxListDepth = 4;

/// What a Secret holds for us, decoded: `data` by base64, `stringData` as it stands (it wins, as in
/// Kubernetes). The private key is not read.
struct Secret {
  std::string name;              ///< "namespace/name", or the name alone
  Buffer certificates;           ///< tls.crt
  Buffer authorities;            ///< ca.crt; empty: none
  std::optional<Buffer> staple;  ///< tls.ocsp-staple
  std::string problem;           ///< not empty: what is wrong with this Secret, the rest is void
};

struct Manifest {
  std::vector<Secret> secrets;    ///< those with a tls.crt, and those with a problem
  std::size_t other_objects = 0;  ///< of other kinds, and Secrets without tls.crt
};

/// Whether text is a manifest rather than PEM with comments: an object of JSON, or YAML with a key
/// `kind` or `apiVersion` at its left edge.
bool looks_like_manifest(Bytes text);

/// Secrets of all documents, and of what is in a List or SecretList.
/// \return Errors: one sentence; see parse_documents for the limits.   Threads: pure, any.
Result<Manifest, std::string> parse_manifest(Bytes text);

}  // namespace muster::check
