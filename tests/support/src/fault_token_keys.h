#pragma once

#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

// The keys in the token of fault_token.cc: their attributes and signatures, as PKCS#11 words them.
namespace muster::testing {

using Octets = std::vector<unsigned char>;
using KeyPtr = std::shared_ptr<EVP_PKEY>;

/// Half of a key pair.
struct TokenObject {
  CK_OBJECT_CLASS object_class;
  CK_KEY_TYPE type;
  std::string label;
  Octets id;
  KeyPtr key;
};

KeyPtr load_key(const std::string& pem);
CK_KEY_TYPE key_type(const EVP_PKEY* key);
/// Nothing: it has no such attribute.
std::optional<Octets> attribute_of(const TokenObject& object, CK_ATTRIBUTE_TYPE type);
/// Empty where that fails.
Octets sign_with(EVP_PKEY* key, CK_MECHANISM_TYPE mechanism, const Octets& data);

}  // namespace muster::testing
