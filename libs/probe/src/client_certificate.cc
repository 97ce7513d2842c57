#include <algorithm>

#include "muster/probe/probe.h"

namespace muster::probe {

pki::PkiResult<ClientCertificate> load_client_certificate(const std::string& certificate_path,
                                                          const std::string& key_path,
                                                          const pki::AskPassphrase& passphrase) {
  const bool apart = !key_path.empty() && key_path != certificate_path;
  const std::string& key_file = apart ? key_path : certificate_path;
  MUSTER_TRY(pki::KeyFile file, pki::load_key_file(key_file, passphrase));
  if (apart) {
    MUSTER_TRY(file.certificates, pki::load_certificates(certificate_path));
    std::stable_partition(file.certificates.begin(), file.certificates.end(),
                          [&](const pki::Certificate& c) { return file.key.matches(c); });
  }
  if (file.certificates.empty()) {
    return Err{pki::PkiError{
        pki::PkiErrc::kNotACertificate,
        certificate_path + ": a private key without a certificate; name the certificate's file"}};
  }
  if (!file.key.matches(file.certificates.front())) {
    return Err{pki::PkiError{
        pki::PkiErrc::kNotACertificate,
        certificate_path + ": no certificate in it belongs to the private key in " + key_file}};
  }
  return ClientCertificate{std::move(file.certificates), std::move(file.key)};
}

}  // namespace muster::probe
