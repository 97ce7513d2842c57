#include "muster/pki/preferences.h"

#include <openssl/evp.h>

#include "algorithms.h"

namespace muster::pki {
namespace {

/// Most preferred first.
constexpr SignatureScheme kPreference[] = {
    SignatureScheme::kEcdsaSha256,  SignatureScheme::kEd25519,      SignatureScheme::kEcdsaSha384,
    SignatureScheme::kEcdsaSha512,  SignatureScheme::kEd448,        SignatureScheme::kRsaSha256,
    SignatureScheme::kRsaPssSha256, SignatureScheme::kRsaSha384,    SignatureScheme::kRsaPssSha384,
    SignatureScheme::kRsaSha512,    SignatureScheme::kRsaPssSha512, SignatureScheme::kMlDsa44,
    SignatureScheme::kMlDsa65,      SignatureScheme::kMlDsa87,
};

/// ML-DSA came with OpenSSL 3.5.
bool library_knows(const SchemePlan& plan) {
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, plan.key_type, nullptr);
  EVP_PKEY_CTX_free(context);
  if (context == nullptr) {
    openssl::drop_errors();
  }
  return context != nullptr;
}

}  // namespace

std::vector<Bytes> preferred_signature_algorithms() {
  std::vector<Bytes> list;
  for (const SignatureScheme scheme : kPreference) {
    if (const SchemePlan& plan = plan_of(scheme); library_knows(plan)) {
      list.push_back(plan.algorithm_der);
    }
  }
  return list;
}

}  // namespace muster::pki
