#include "muster/relay/allow_list.h"

#include <algorithm>
#include <set>

#include "muster/client/request.h"

namespace muster::relay {
namespace {

void learn(std::vector<std::string>& urls, const std::vector<std::string>& more) {
  for (const std::string& url : more) {
    if (std::find(urls.begin(), urls.end(), url) == urls.end()) {
      urls.push_back(url);
    }
  }
}

/// CertID of an issuer with whatever serial.
ocsp::CertId id_of(const pki::Certificate& issuer) {
  return pki::make_cert_id(HashAlgorithm::kSha256, issuer, issuer.serial());
}

}  // namespace

void AllowList::add(AllowedIssuer issuer) {
  const ocsp::CertId id = id_of(issuer.certificate);
  const ocsp::CertIdView view = id.view();
  if (const auto known =
          index_.find(HashAlgorithm::kSha256, view.issuer_name_hash, view.issuer_key_hash)) {
    learn(issuers_[*known].urls, issuer.urls);
    return;
  }
  for (const HashAlgorithm hash : kAllHashAlgorithms) {
    index_.add(hash, issuer.certificate, issuers_.size());
  }
  issuers_.push_back(std::move(issuer));
}

const AllowedIssuer* AllowList::find(const ocsp::CertIdView& id) const {
  const auto hash = der::find_hash(id.hash_algorithm);
  const auto found =
      hash ? index_.find(*hash, id.issuer_name_hash, id.issuer_key_hash) : std::nullopt;
  return found ? &issuers_[*found] : nullptr;
}

Result<std::shared_ptr<const RelaySetup>, std::string> make_relay_setup(
    std::vector<AllowedIssuer> issuers, std::vector<keeper::Watched> certificates,
    std::vector<HashAlgorithm> forms) {
  auto setup = std::make_shared<RelaySetup>();
  std::set<std::string> told;  // labels of issuers that are asked where the operator said
  for (AllowedIssuer& issuer : issuers) {
    for (const std::string& url : issuer.urls) {
      if (!client::is_http_url(url)) {
        return Err{"issuer '" + issuer.label + "': '" + url + "' is not an http or https URL"};
      }
    }
    if (!issuer.urls.empty()) {
      told.insert(issuer.label);
    }
    setup->issuers.add(std::move(issuer));
  }
  for (keeper::Watched& watched : certificates) {
    const pki::Certificate& issuer = watched.subject.issuer;
    const AllowedIssuer* known = setup->issuers.find(id_of(issuer).view());
    if (watched.responders.empty() && known != nullptr && told.count(known->label) != 0) {
      watched.responders = known->urls;
    }
    keeper::Applicability applies = keeper::judge_applicability(watched, keeper::KeeperOptions());
    if (applies.urls.empty()) {
      setup->left_out.push_back("'" + watched.subject.name + "': " + applies.reason);
      continue;
    }
    for (const std::string& url : applies.urls) {
      if (!client::is_http_url(url)) {
        return Err{"certificate '" + watched.subject.name + "': '" + url +
                   "' is not an http or https URL"};
      }
    }
    watched.responders = applies.urls;
    if (known == nullptr || told.count(known->label) == 0) {
      setup->issuers.add({issuer.subject_text(), issuer, std::move(applies.urls)});
    }
    setup->certificates.push_back(std::move(watched));
  }
  if (setup->issuers.all().empty()) {
    return Err{
        "nobody to relay for (give [[relay.issuer]] or [[relay.certificate]], --issuer or --cert)" +
        (setup->left_out.empty() ? std::string() : "; " + setup->left_out.front())};
  }
  for (const AllowedIssuer& issuer : setup->issuers.all()) {
    if (issuer.urls.empty()) {
      return Err{"issuer '" + issuer.label +
                 "': no responder to ask (give responders, or --upstream; or a certificate of it "
                 "that names one)"};
    }
  }
  setup->forms = std::move(forms);
  return std::shared_ptr<const RelaySetup>(std::move(setup));
}

}  // namespace muster::relay
