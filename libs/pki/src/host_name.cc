#include "muster/pki/host_name.h"

#include <openssl/x509v3.h>

#include <string>

#include "muster/pki/native.h"

namespace muster::pki {

bool names_host(const Certificate& certificate, std::string_view host) {
  const std::string name(host);
  if (name.empty() || name.find('\0') != std::string::npos) {
    return false;  // OpenSSL takes an empty name for "any"
  }
  X509* const native = native_x509(certificate);
  // -2: not an address.
  const int by_address = X509_check_ip_asc(native, name.c_str(), 0);
  if (by_address != -2) {
    return by_address == 1;
  }
  return X509_check_host(native, name.data(), name.size(),
                         X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                         nullptr) == 1;
}

}  // namespace muster::pki
