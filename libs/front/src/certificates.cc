#include "certificates.h"

#include <algorithm>

#include "muster/stapler/inventory.h"

namespace muster::front {
namespace {

Result<tls::ServerCertificate, FrontError> load_served(const CertificateFiles& files) {
  const auto explain = [](const std::string& path, const pki::PkiError& error) {
    return Err{FrontError{FrontErrc::kInput, "'" + path + "': " + error.detail}};
  };
  auto chain = pki::load_certificates(files.cert);
  if (!chain) {
    return explain(files.cert, chain.error());
  }
  const std::string& key_path = files.key.empty() ? files.cert : files.key;
  auto key = pki::PrivateKey::load(key_path);
  if (!key) {
    return explain(key_path, key.error());
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
