#pragma once

#include "muster/pki/keys.h"

// The OpenSSL objects behind our types, for the two other libraries that speak OpenSSL: probe and
// tls.
struct x509_st;      // X509
struct evp_pkey_st;  // EVP_PKEY

namespace muster::pki {

/// Borrowed: lives as long as any copy of the certificate. OpenSSL wants it non-const to count
/// references (SSL_CTX_use_certificate) and to fill its caches, which it locks itself; callers must
/// not change it. The first call for a certificate may have OpenSSL decode it, which empties the
/// calling thread's error queue.
x509_st* native_x509(const Certificate& certificate);
/// As Certificate::parse, without OpenSSL ever having to decode what it has decoded already, which
/// takes it longer than verifying a signature: `decoded` is kept (and counted) if it encodes to
/// `der`, and passed over otherwise. May be null.
PkiResult<Certificate> parse_decoded(Bytes der, x509_st* decoded);
/// Borrowed: lives as long as any copy of the key.
evp_pkey_st* native_key(const PrivateKey& key);

}  // namespace muster::pki
