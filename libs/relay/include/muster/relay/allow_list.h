#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "muster/keeper/keeper.h"
#include "muster/responder/issuer_index.h"

// Whose answers are relayed, and who is asked for them. Nothing a request says adds to it: this is
// no open proxy.
namespace muster::relay {

/// A CA whose certificates may be asked about.
struct AllowedIssuer {
  std::string label;  ///< for people and metrics
  pki::Certificate certificate;
  std::vector<std::string> urls;  ///< of its responders, asked in this order
};

/// Immutable. Threads: any.
class AllowList {
 public:
  AllowList() = default;
  /// One more issuer. Where its name and key are on the list already, that entry stays and learns
  /// the URLs it does not have: a CA may have several certificates.
  void add(AllowedIssuer issuer);

  /// The issuer that a CertID speaks of, by name and key hash under any hash we know; null when it
  /// is not on the list.
  [[nodiscard]] const AllowedIssuer* find(const ocsp::CertIdView& id) const;
  [[nodiscard]] std::span<const AllowedIssuer> all() const { return issuers_; }

 private:
  std::vector<AllowedIssuer> issuers_;
  responder::IssuerIndex index_;
};

/// What the operator configured, read and checked. Immutable.
struct RelaySetup {
  AllowList issuers;
  /// Certificates whose answers are fetched before anybody asks, each with who is asked. Their
  /// issuers are on the list.
  std::vector<keeper::Watched> certificates;
  std::vector<std::string> left_out;  ///< certificates for which nothing can be fetched, and why
  /// The CertIDs they are asked for with.
  std::vector<HashAlgorithm> forms{HashAlgorithm::kSha1};
};

/// Puts issuers and certificates together: an issuer of a certificate is allowed too, and is asked
/// where the certificate says, unless it was told where. Errors (text): an issuer whom nobody can
/// be asked about, a URL that is not http or https, nothing at all.
Result<std::shared_ptr<const RelaySetup>, std::string> make_relay_setup(
    std::vector<AllowedIssuer> issuers, std::vector<keeper::Watched> certificates,
    std::vector<HashAlgorithm> forms);

}  // namespace muster::relay
