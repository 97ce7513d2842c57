#include "fault_token_keys.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstring>

namespace muster::testing {
namespace {

Octets number(EVP_PKEY* key, const char* name) {
  BIGNUM* value = nullptr;
  EVP_PKEY_get_bn_param(key, name, &value);
  Octets out(static_cast<std::size_t>(BN_num_bytes(value)));
  BN_bn2bin(value, out.data());
  BN_free(value);
  return out;
}

/// Raw r || s of a DER signature, as PKCS#11 has it.
Octets raw_ecdsa(const Octets& der, std::size_t half) {
  const unsigned char* at = der.data();
  ECDSA_SIG* sig = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  Octets out(2 * half);
  BN_bn2binpad(ECDSA_SIG_get0_r(sig), out.data(), static_cast<int>(half));
  BN_bn2binpad(ECDSA_SIG_get0_s(sig), out.data() + half, static_cast<int>(half));
  ECDSA_SIG_free(sig);
  return out;
}

template <class T>
Octets octets_of(const T& value) {
  Octets out(sizeof value);
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

}  // namespace

KeyPtr load_key(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  KeyPtr key(PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr), EVP_PKEY_free);
  BIO_free(bio);
  return key;
}

CK_KEY_TYPE key_type(const EVP_PKEY* key) {
  return EVP_PKEY_is_a(key, "RSA") == 1  ? CKK_RSA
         : EVP_PKEY_is_a(key, "EC") == 1 ? CKK_EC
                                         : CKK_EC_EDWARDS;
}

std::optional<Octets> attribute_of(const TokenObject& object, CK_ATTRIBUTE_TYPE type) {
  EVP_PKEY* key = object.key.get();
  switch (type) {
    case CKA_CLASS:
      return octets_of(object.object_class);
    case CKA_KEY_TYPE:
      return octets_of(object.type);
    case CKA_LABEL:
      return Octets(object.label.begin(), object.label.end());
    case CKA_ID:
      return object.id;
    case CKA_MODULUS:
      return object.type == CKK_RSA ? std::optional(number(key, OSSL_PKEY_PARAM_RSA_N))
                                    : std::nullopt;
    case CKA_PUBLIC_EXPONENT:
      return object.type == CKK_RSA ? std::optional(number(key, OSSL_PKEY_PARAM_RSA_E))
                                    : std::nullopt;
    case CKA_EC_PARAMS:
      return Octets{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};  // P-256
    case CKA_EC_POINT: {
      if (object.object_class == CKO_PRIVATE_KEY) {
        return std::nullopt;
      }
      unsigned char point[256];
      std::size_t size = sizeof point;
      if (object.type == CKK_EC ? EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY,
                                                                  point, sizeof point, &size) != 1
                                : EVP_PKEY_get_raw_public_key(key, point, &size) != 1) {
        return std::nullopt;
      }
      Octets out = {4, static_cast<unsigned char>(size)};  // OCTET STRING
      out.insert(out.end(), point, point + size);
      return out;
    }
    default:
      return std::nullopt;
  }
}

Octets sign_with(EVP_PKEY* key, CK_MECHANISM_TYPE mechanism, const Octets& data) {
  Octets out(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
  std::size_t size = out.size();
  if (mechanism == CKM_EDDSA) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) != 1 ||
        EVP_DigestSign(context.get(), out.data(), &size, data.data(), data.size()) != 1) {
      return {};
    }
    out.resize(size);
    return out;
  }
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new(key, nullptr), EVP_PKEY_CTX_free);
  bool ready = EVP_PKEY_sign_init(context.get()) == 1;
  if (mechanism == CKM_RSA_PKCS) {
    ready = ready && EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1;
  } else if (mechanism == CKM_RSA_PKCS_PSS) {
    const EVP_MD* md = data.size() == 32   ? EVP_sha256()
                       : data.size() == 48 ? EVP_sha384()
                                           : EVP_sha512();
    ready = ready && EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_signature_md(context.get(), md) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_DIGEST) == 1;
  }
  if (!ready || EVP_PKEY_sign(context.get(), out.data(), &size, data.data(), data.size()) != 1) {
    return {};
  }
  out.resize(size);
  return mechanism == CKM_ECDSA ? raw_ecdsa(out, 32) : out;
}

}  // namespace muster::testing
