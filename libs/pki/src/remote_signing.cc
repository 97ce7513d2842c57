#include "remote_signing.h"

#include <openssl/rsa.h>

namespace muster::pki {

bool verifies_remote(EVP_PKEY* key, const SchemePlan& plan, Bytes input, Bytes signature) {
  bool good = false;
  if (plan.family == Family::kPure) {
    const openssl::DigestContextPtr context(EVP_MD_CTX_new());
    good = context != nullptr &&
           EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, key,
                                   nullptr) == 1 &&
           EVP_DigestVerify(context.get(), signature.data(), signature.size(), input.data(),
                            input.size()) == 1;
  } else {
    const openssl::KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    const openssl::DigestPtr digest(EVP_MD_fetch(nullptr, plan.digest, nullptr));
    good = context != nullptr && digest != nullptr && EVP_PKEY_verify_init(context.get()) == 1;
    if (good && plan.family == Family::kRsaPss) {
      good = EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING) == 1;
    }
    good = good && EVP_PKEY_CTX_set_signature_md(context.get(), digest.get()) == 1;
    if (good && plan.family == Family::kRsaPss) {
      good = EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), digest.get()) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_DIGEST) == 1;
    }
    good = good && EVP_PKEY_verify(context.get(), signature.data(), signature.size(), input.data(),
                                   input.size()) == 1;
  }
  openssl::drop_errors();
  return good;
}

}  // namespace muster::pki
