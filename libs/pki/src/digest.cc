#include <openssl/crypto.h>

#include "muster/base/assert.h"
#include "muster/pki/certificate.h"
#include "openssl.h"

namespace muster::pki {
namespace {

std::size_t index_of(HashAlgorithm hash) { return static_cast<std::size_t>(hash); }

/// OpenSSL must not take itself down at exit: threads that hung in a foreign module (libs/token)
/// may still come back then. Said before anything else of the library is used, or it is not heard.
[[maybe_unused]] const int kStaysAtExit = OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);

/// Fetched once and kept for the life of the process. Every provider that OpenSSL may be configured
/// with has these.
const EVP_MD* fetched(HashAlgorithm hash) {
  static const std::array<const EVP_MD*, kAllHashAlgorithms.size()> all = [] {
    std::array<const EVP_MD*, kAllHashAlgorithms.size()> mds{};
    mds[index_of(HashAlgorithm::kSha1)] = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    mds[index_of(HashAlgorithm::kSha256)] = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
    mds[index_of(HashAlgorithm::kSha384)] = EVP_MD_fetch(nullptr, "SHA2-384", nullptr);
    mds[index_of(HashAlgorithm::kSha512)] = EVP_MD_fetch(nullptr, "SHA2-512", nullptr);
    return mds;
  }();
  const EVP_MD* md = all[index_of(hash)];
  MUSTER_ASSERT(md != nullptr);
  return md;
}

}  // namespace

void digest_into(HashAlgorithm hash, Bytes data, std::span<std::uint8_t> out) {
  MUSTER_ASSERT(out.size() == digest_size(hash));
  // One context per thread and hash: switching the hash of a context would allocate.
  thread_local std::array<openssl::DigestContextPtr, kAllHashAlgorithms.size()> contexts;
  openssl::DigestContextPtr& context = contexts[index_of(hash)];
  if (context == nullptr) {
    context.reset(EVP_MD_CTX_new());
  }
  const bool done = EVP_DigestInit_ex2(context.get(), fetched(hash), nullptr) == 1 &&
                    EVP_DigestUpdate(context.get(), data.data(), data.size()) == 1 &&
                    EVP_DigestFinal_ex(context.get(), out.data(), nullptr) == 1;
  MUSTER_ASSERT(done);
}

Buffer digest(HashAlgorithm hash, Bytes data) {
  Buffer out(digest_size(hash));
  digest_into(hash, data, out);
  return out;
}

namespace {

struct Hashed {
  std::array<std::uint8_t, 64> octets{};
  std::size_t size;
  Hashed(HashAlgorithm hash, Bytes data) : size(digest_size(hash)) {
    digest_into(hash, data, std::span(octets).first(size));
  }
  [[nodiscard]] Bytes view() const { return Bytes(octets).first(size); }
};

bool has_hashes(const ocsp::CertIdView& id, Bytes issuer_name, Bytes issuer_key) {
  const auto hash = der::find_hash(id.hash_algorithm);
  return hash && equal(Hashed(*hash, issuer_name).view(), id.issuer_name_hash) &&
         equal(Hashed(*hash, issuer_key).view(), id.issuer_key_hash);
}

}  // namespace

ocsp::CertId make_cert_id(HashAlgorithm hash, const Certificate& certificate,
                          const Certificate& issuer, der::HashParameters parameters) {
  return ocsp::CertId::make(hash, Hashed(hash, certificate.issuer()).view(),
                            Hashed(hash, issuer.public_key_bits()).view(), certificate.serial(),
                            parameters);
}

ocsp::CertId make_cert_id(HashAlgorithm hash, const Certificate& issuer, const Serial& serial,
                          der::HashParameters parameters) {
  return ocsp::CertId::make(hash, Hashed(hash, issuer.subject()).view(),
                            Hashed(hash, issuer.public_key_bits()).view(), serial, parameters);
}

bool names(const ocsp::CertIdView& id, const Certificate& certificate, const Certificate& issuer) {
  return equal(id.serial, certificate.serial().octets()) &&
         has_hashes(id, certificate.issuer(), issuer.public_key_bits());
}

bool names_issuer(const ocsp::CertIdView& id, const Certificate& issuer) {
  return has_hashes(id, issuer.subject(), issuer.public_key_bits());
}

}  // namespace muster::pki
