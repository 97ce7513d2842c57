#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "muster/stapler/inventory.h"

namespace muster::stapler {

using Certificates = std::vector<pki::Certificate>;

/// The one of `candidates` that signed `certificate`. Lifetime: theirs.
const pki::Certificate* find_issuer(const pki::Certificate& certificate,
                                    const Certificates& candidates);

/// The one of `candidates` that alone comes into question as the issuer: all of that name have one
/// key, a CA's, and it is the key that the certificate names (authorityKeyIdentifier, RFC 5280
/// section 4.2.1.1). Null where it takes the signature to tell. Lifetime: theirs.
const pki::Certificate* presume_issuer(const pki::Certificate& certificate,
                                       const Certificates& candidates);

/// Certificates in which issuers are looked for, by name. Threads: one.
class IssuerPool {
 public:
  void add(const pki::Certificate& certificate) {
    if (seen_.insert(certificate.fingerprint()).second) {
      by_subject_[to_buffer(certificate.subject())].push_back(certificate);
    }
  }
  [[nodiscard]] const pki::Certificate* issuer_of(const pki::Certificate& certificate) const {
    const auto found = by_subject_.find(to_buffer(certificate.issuer()));
    return found == by_subject_.end() ? nullptr : find_issuer(certificate, found->second);
  }

 private:
  keeper::FingerprintSet seen_;
  std::map<Buffer, Certificates> by_subject_;
};

/// The issuer of a certificate that need not be in the inventory: among the issuers of what is, and
/// in every file that the inventory is told to look for issuers in. Those are read now; what cannot
/// be read is passed over. Nothing: there is none.
std::optional<pki::Certificate> find_known_issuer(const pki::Certificate& certificate,
                                                  const std::vector<InventoryEntry>& entries,
                                                  const std::vector<CertificateSource>& sources,
                                                  const InventoryOptions& options);

}  // namespace muster::stapler
