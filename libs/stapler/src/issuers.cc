#include "issuers.h"

#include "muster/pki/keys.h"

namespace muster::stapler {

const pki::Certificate* find_issuer(const pki::Certificate& certificate,
                                    const Certificates& candidates) {
  for (const pki::Certificate& c : candidates) {
    if (equal(c.subject(), certificate.issuer()) && pki::verify_issued_by(certificate, c)) {
      return &c;
    }
  }
  return nullptr;
}

const pki::Certificate* presume_issuer(const pki::Certificate& certificate,
                                       const Certificates& candidates) {
  const std::optional<Buffer>& named = certificate.facts().authority_key_id;
  const pki::Certificate* only = nullptr;
  for (const pki::Certificate& c : candidates) {
    if (!equal(c.subject(), certificate.issuer())) {
      continue;
    }
    const bool fits = named && c.facts().subject_key_id == named && c.facts().is_ca;
    if (!fits || (only != nullptr && only->key_hash() != c.key_hash())) {
      return nullptr;
    }
    only = only == nullptr ? &c : only;
  }
  return only;
}

std::optional<pki::Certificate> find_known_issuer(const pki::Certificate& certificate,
                                                  const std::vector<InventoryEntry>& entries,
                                                  const std::vector<CertificateSource>& sources,
                                                  const InventoryOptions& options) {
  std::set<keeper::Fingerprint> tried;  // thousands of entries may share an issuer
  for (const InventoryEntry& entry : entries) {
    const pki::Certificate& issuer = entry.watched.subject.issuer;
    if (equal(issuer.subject(), certificate.issuer()) &&
        tried.insert(issuer.fingerprint()).second && pki::verify_issued_by(certificate, issuer)) {
      return issuer;
    }
  }
  std::set<std::string> paths(options.issuers.begin(), options.issuers.end());
  for (const CertificateSource& source : sources) {
    if (!source.issuer.empty()) {
      paths.insert(source.issuer);
    }
  }
  for (const std::string& path : paths) {
    const auto loaded = pki::load_certificates(path);
    const pki::Certificate* const found = loaded ? find_issuer(certificate, *loaded) : nullptr;
    if (found != nullptr) {
      return *found;
    }
  }
  return std::nullopt;
}

}  // namespace muster::stapler
