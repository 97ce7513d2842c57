#include "certificates.h"

#include <algorithm>

#include "muster/stapler/inventory.h"

namespace muster::front {
namespace {

/// What is wrong with the file of a key, and what helps.
std::string explain_key(const CertificateFiles& files, const pki::PkiError& error) {
  const std::string& path = files.key.empty() ? files.cert : files.key;
  if (error.code == pki::PkiErrc::kWrongPassphrase) {
    return "the private key in '" + path +
           "' is encrypted, and front reads only keys that are not: decrypt it into a file that "
           "nobody else may read (openssl pkey -in OLD -out NEW)";
  }
  if (files.key.empty() && error.code == pki::PkiErrc::kNotAKey) {
    return "there is no private key in '" + path +
           "' that can be used (give its file with --key, or key in [[front.certificate]])";
  }
  return error.detail;
}

Result<tls::ServerCertificate, FrontError> load_served(const CertificateFiles& files) {
  auto chain = pki::load_certificates(files.cert);
  if (!chain) {
    return Err{FrontError{FrontErrc::kInput, chain.error().detail}};
  }
  const std::string& key_path = files.key.empty() ? files.cert : files.key;
  auto key = pki::PrivateKey::load(key_path);
  if (!key) {
    return Err{FrontError{FrontErrc::kInput, explain_key(files, key.error())}};
  }
  if (!key->matches(chain->front())) {
    return Err{FrontError{
        FrontErrc::kInput,
        "the private key in '" + key_path + "' does not belong to the first certificate in '" +
            files.cert + "' (the server's own certificate must come first, its chain behind)"}};
  }
  return tls::ServerCertificate{*std::move(chain), *std::move(key)};
}

void add_missing(std::vector<keeper::Watched>& to, const keeper::Watched& watched) {
  const auto is_same = [&watched](const keeper::Watched& other) {
    return other.subject.certificate == watched.subject.certificate;
  };
  if (std::none_of(to.begin(), to.end(), is_same)) {
    to.push_back(watched);
  }
}

}  // namespace

std::vector<keeper::Watched> WatchedCertificates::all() const {
  std::vector<keeper::Watched> out = served;
  for (const keeper::Watched& watched : above) {
    add_missing(out, watched);
  }
  return out;
}

void WatchedCertificates::add(const WatchedCertificates& others) {
  for (const keeper::Watched& watched : others.served) {
    add_missing(served, watched);
  }
  for (const keeper::Watched& watched : others.above) {
    add_missing(above, watched);
  }
}

Result<LoadedCertificates, FrontError> load_certificates(const FrontOptions& options) {
  if (options.certificates.empty()) {
    return Err{FrontError{
        FrontErrc::kUsage,
        "no certificate to serve (give --cert and --key, or [[front.certificate]] in the file)"}};
  }
  LoadedCertificates loaded;
  for (const CertificateFiles& files : options.certificates) {
    MUSTER_TRY(tls::ServerCertificate served, load_served(files));
    stapler::CertificateSource source;
    source.path = files.cert;
    source.issuer = files.issuer;
    stapler::InventoryOptions how;
    how.issuers = options.issuers;
    how.chain = options.tls.staple.chain == tls::ChainStapling::kWhole;
    stapler::Inventory inventory = stapler::load_inventory({source}, how);
    for (const stapler::InventoryEntry& entry : inventory.entries) {
      add_missing(entry.is_intermediate ? loaded.watched.above : loaded.watched.served,
                  entry.watched);
    }
    for (std::string& problem : inventory.problems) {
      loaded.problems.push_back(std::move(problem));
    }
    loaded.served.push_back(std::move(served));
  }
  return loaded;
}

}  // namespace muster::front
