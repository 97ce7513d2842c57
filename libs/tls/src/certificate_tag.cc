#include "certificate_tag.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "muster/base/assert.h"

namespace muster::tls {
namespace {

constexpr long kStatusRequest = 5;     // RFC 6066
constexpr long kStatusRequestV2 = 17;  // RFC 6961

void free_tag(void*, void* tag, CRYPTO_EX_DATA*, int, long, void*) noexcept {
  delete static_cast<CertificateTag*>(tag);
}

int tag_index() {
  static const int kIndex = X509_get_ex_new_index(0, nullptr, nullptr, nullptr, free_tag);
  MUSTER_ASSERT(kIndex >= 0);
  return kIndex;
}

bool has_must_staple(X509* certificate) {
  struct Free {
    void operator()(TLS_FEATURE* feature) const noexcept { TLS_FEATURE_free(feature); }
  };
  const std::unique_ptr<TLS_FEATURE, Free> features(
      static_cast<TLS_FEATURE*>(X509_get_ext_d2i(certificate, NID_tlsfeature, nullptr, nullptr)));
  for (int i = 0; features != nullptr && i < sk_ASN1_INTEGER_num(features.get()); ++i) {
    const long feature = ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features.get(), i));
    if (feature == kStatusRequest || feature == kStatusRequestV2) {
      return true;
    }
  }
  return false;
}

}  // namespace

CertificateTag::CertificateTag(X509* certificate) : must_staple(has_must_staple(certificate)) {
  unsigned size = 0;
  MUSTER_ASSERT(X509_digest(certificate, EVP_sha256(), fingerprint.data(), &size) == 1 &&
                size == fingerprint.size());
}

void tag_certificate(X509* certificate) {
  if (find_tag(certificate) == nullptr) {
    MUSTER_ASSERT(X509_set_ex_data(certificate, tag_index(), new CertificateTag(certificate)) == 1);
  }
}

const CertificateTag* find_tag(const X509* certificate) {
  return static_cast<const CertificateTag*>(X509_get_ex_data(certificate, tag_index()));
}

}  // namespace muster::tls
