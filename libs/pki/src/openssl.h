#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <memory>
#include <string>

#include "muster/base/bytes.h"
#include "muster/base/c_deleter.h"

// Owners of OpenSSL objects, from birth; and its error queue, which never outlives the call that
// filled it.
namespace muster::pki::openssl {

template <class T, auto Free>
using Ptr = std::unique_ptr<T, CDeleter<Free>>;

using BioPtr = Ptr<BIO, BIO_free_all>;
using KeyPtr = Ptr<EVP_PKEY, EVP_PKEY_free>;
using KeyContextPtr = Ptr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestPtr = Ptr<EVP_MD, EVP_MD_free>;
using DigestContextPtr = Ptr<EVP_MD_CTX, EVP_MD_CTX_free>;
using X509Ptr = Ptr<X509, X509_free>;
using StorePtr = Ptr<X509_STORE, X509_STORE_free>;
using StoreContextPtr = Ptr<X509_STORE_CTX, X509_STORE_CTX_free>;
using Pkcs7Ptr = Ptr<PKCS7, PKCS7_free>;

struct FreeStackOnly {  // the certificates in it are borrowed
  void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_free(stack); }
};
using BorrowedStackPtr = std::unique_ptr<STACK_OF(X509), FreeStackOnly>;

/// The first reason in the queue in OpenSSL's words ("bad decrypt"), or `fallback`; empties the
/// queue.
std::string take_error(std::string_view fallback);
/// Whether the queue blames an algorithm that OpenSSL does not know or has not enabled (RC2, single
/// DES...). Leaves the queue.
bool has_unsupported() noexcept;
/// Empties the queue: for failures whose reason we know better.
void drop_errors() noexcept;

/// A read-only BIO over octets that outlive it.
BioPtr memory_bio(Bytes octets);

}  // namespace muster::pki::openssl
