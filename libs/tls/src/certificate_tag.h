#pragma once

#include <openssl/x509.h>

#include <atomic>

#include "muster/base/time.h"
#include "muster/tls/staple.h"

namespace muster::tls {

/// What a handshake must know of a certificate, kept with the certificate so that it is computed
/// once.
struct CertificateTag {
  explicit CertificateTag(X509* certificate);
  Fingerprint fingerprint{};
  bool must_staple = false;
  /// Seconds of the last report about it, for at most one a minute.
  mutable std::atomic<std::int64_t> reported{0};
};

/// Tags a certificate that has no tag yet. Not concurrently with handshakes that use it for the
/// first time.
void tag_certificate(X509* certificate);
/// The tag, or null when there is none.
const CertificateTag* find_tag(const X509* certificate);

}  // namespace muster::tls
