#include <openssl/bio.h>
#include <openssl/dsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <map>
#include <memory>

#include "muster/base/assert.h"
#include "muster/base/c_deleter.h"
#include "muster/pki/native.h"
#include "muster/testing/pki_builder.h"

namespace muster::testing {
namespace {

using KeyPtr = std::unique_ptr<EVP_PKEY, CDeleter<EVP_PKEY_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, CDeleter<EVP_PKEY_CTX_free>>;
using BioPtr = std::unique_ptr<BIO, CDeleter<BIO_free_all>>;

struct Recipe {
  const char* type;
  std::size_t rsa_bits = 0;
  const char* curve = nullptr;
};
Recipe recipe_of(KeyKind kind) {
  switch (kind) {
    case KeyKind::kP256:
      return {"EC", 0, "P-256"};
    case KeyKind::kP384:
      return {"EC", 0, "P-384"};
    case KeyKind::kP521:
      return {"EC", 0, "P-521"};
    case KeyKind::kP192:
      return {"EC", 0, "P-192"};
    case KeyKind::kEd25519:
      return {"ED25519"};
    case KeyKind::kEd448:
      return {"ED448"};
    case KeyKind::kRsa2048:
      return {"RSA", 2048};
    case KeyKind::kRsa3072:
      return {"RSA", 3072};
    case KeyKind::kRsa1024:
      return {"RSA", 1024};
    case KeyKind::kRsaPss2048:
      return {"RSA-PSS", 2048};
    case KeyKind::kDsa2048:
      return {"DSA"};
    case KeyKind::kMlDsa44:
      return {"ML-DSA-44"};
    case KeyKind::kMlDsa65:
      return {"ML-DSA-65"};
    case KeyKind::kMlDsa87:
      return {"ML-DSA-87"};
  }
  return {""};
}

KeyPtr generate_dsa() {
  EVP_PKEY* made = nullptr;
  const KeyContextPtr parameters(EVP_PKEY_CTX_new_from_name(nullptr, "DSA", nullptr));
  MUSTER_ASSERT(EVP_PKEY_paramgen_init(parameters.get()) == 1);
  MUSTER_ASSERT(EVP_PKEY_CTX_set_dsa_paramgen_bits(parameters.get(), 2048) == 1);
  MUSTER_ASSERT(EVP_PKEY_paramgen(parameters.get(), &made) == 1);
  const KeyPtr group(made);
  const KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, group.get(), nullptr));
  made = nullptr;
  MUSTER_ASSERT(EVP_PKEY_keygen_init(context.get()) == 1 &&
                EVP_PKEY_keygen(context.get(), &made) == 1);
  return KeyPtr(made);
}

KeyPtr generate(KeyKind kind) {
  if (kind == KeyKind::kDsa2048) {
    return generate_dsa();
  }
  const Recipe recipe = recipe_of(kind);
  if (recipe.curve != nullptr) {
    return KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, recipe.type, recipe.curve));
  }
  if (recipe.rsa_bits != 0) {
    const KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, recipe.type, nullptr));
    EVP_PKEY* made = nullptr;
    MUSTER_ASSERT(EVP_PKEY_keygen_init(context.get()) == 1);
    MUSTER_ASSERT(
        EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), static_cast<int>(recipe.rsa_bits)) == 1);
    MUSTER_ASSERT(EVP_PKEY_keygen(context.get(), &made) == 1);
    return KeyPtr(made);
  }
  return KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, recipe.type));
}

std::string bio_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pkcs8_pem(const EVP_PKEY* key, const std::string* passphrase) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  const int written =
      passphrase == nullptr
          ? PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr)
          : PEM_write_bio_PKCS8PrivateKey(bio.get(), key, EVP_aes_256_cbc(), passphrase->data(),
                                          static_cast<int>(passphrase->size()), nullptr, nullptr);
  MUSTER_ASSERT(written == 1);
  return bio_text(bio.get());
}

// ---- signatures
// ------------------------------------------------------------------------------------------------

struct Plan {
  const char* algorithm_hex;  ///< AlgorithmIdentifier element
  const char* digest = nullptr;
  bool pss = false;
};

SignAs default_for(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "RSA-PSS") == 1) {
    return SignAs::kPssSha256;
  }
  if (EVP_PKEY_is_a(key, "EC") == 1) {
    return EVP_PKEY_get_bits(key) == 384   ? SignAs::kSha384
           : EVP_PKEY_get_bits(key) == 521 ? SignAs::kSha512
                                           : SignAs::kSha256;
  }
  return SignAs::kSha256;
}

Plan plan_for_rsa(SignAs how) {
  switch (how) {
    case SignAs::kSha1:
      return {"300d06092a864886f70d0101050500", "SHA1"};
    case SignAs::kMd5:
      return {"300d06092a864886f70d0101040500", "MD5"};
    case SignAs::kSha384:
      return {"300d06092a864886f70d01010c0500", "SHA384"};
    case SignAs::kSha512:
      return {"300d06092a864886f70d01010d0500", "SHA512"};
    case SignAs::kRsaSha256WithoutNull:
      return {"300b06092a864886f70d01010b", "SHA256"};
    case SignAs::kPssSha1:
      return {"300d06092a864886f70d01010a3000", "SHA1", true};
    case SignAs::kPssSha256:
      return {
          "304106092a864886f70d01010a3034a00f300d06096086480165030402010500"
          "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120",
          "SHA256", true};
    case SignAs::kPssSha384:
      return {
          "304106092a864886f70d01010a3034a00f300d06096086480165030402020500"
          "a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130",
          "SHA384", true};
    case SignAs::kPssSha512:
      return {
          "304106092a864886f70d01010a3034a00f300d06096086480165030402030500"
          "a11c301a06092a864886f70d010108300d06096086480165030402030500a203020140",
          "SHA512", true};
    case SignAs::kAuto:
    case SignAs::kSha256:
    case SignAs::kEcdsaSha256WithNull:
      break;
  }
  return {"300d06092a864886f70d01010b0500", "SHA256"};
}

Plan plan_for(SignAs how, const EVP_PKEY* key) {
  const auto is = [&](const char* type) { return EVP_PKEY_is_a(key, type) == 1; };
  if (how == SignAs::kAuto) {
    how = default_for(key);
  }
  if (is("RSA") || is("RSA-PSS")) {
    return plan_for_rsa(how);
  }
  if (is("EC")) {
    switch (how) {
      case SignAs::kSha1:
        return {"300906072a8648ce3d0401", "SHA1"};
      case SignAs::kSha384:
        return {"300a06082a8648ce3d040303", "SHA384"};
      case SignAs::kSha512:
        return {"300a06082a8648ce3d040304", "SHA512"};
      case SignAs::kEcdsaSha256WithNull:
        return {"300c06082a8648ce3d0403020500", "SHA256"};
      default:
        return {"300a06082a8648ce3d040302", "SHA256"};
    }
  }
  if (is("DSA")) {
    return how == SignAs::kSha1 ? Plan{"300906072a8648ce380403", "SHA1"}
                                : Plan{"300b0609608648016503040302", "SHA256"};
  }
  if (is("ED25519")) {
    return {"300506032b6570"};
  }
  if (is("ED448")) {
    return {"300506032b6571"};
  }
  if (is("ML-DSA-44")) {
    return {"300b0609608648016503040311"};
  }
  if (is("ML-DSA-65")) {
    return {"300b0609608648016503040312"};
  }
  MUSTER_ASSERT(is("ML-DSA-87"));
  return {"300b0609608648016503040313"};
}

}  // namespace

bool can_make(KeyKind kind) {
  return KeyContextPtr(EVP_PKEY_CTX_new_from_name(nullptr, recipe_of(kind).type, nullptr)) !=
         nullptr;
}

TestKey make_key(KeyKind kind) {
  const KeyPtr key = generate(kind);
  MUSTER_ASSERT(key != nullptr);
  std::string pem = pkcs8_pem(key.get(), nullptr);
  auto parsed = pki::PrivateKey::parse(as_bytes(pem));
  MUSTER_ASSERT(parsed);
  return {*std::move(parsed), std::move(pem)};
}

const TestKey& cached_key(KeyKind kind, int index) {
  static std::map<std::pair<KeyKind, int>, TestKey> keys;
  const auto found = keys.find({kind, index});
  return found != keys.end() ? found->second
                             : keys.emplace(std::pair(kind, index), make_key(kind)).first->second;
}

std::string encrypted_pem(const pki::PrivateKey& key, const std::string& passphrase) {
  return pkcs8_pem(pki::native_key(key), &passphrase);
}

Buffer algorithm_for(SignAs how, const pki::PrivateKey& key) {
  return *from_hex(plan_for(how, pki::native_key(key)).algorithm_hex);
}

MadeSignature sign_as(SignAs how, const pki::PrivateKey& key, Bytes tbs) {
  EVP_PKEY* native = pki::native_key(key);
  const Plan plan = plan_for(how, native);
  const std::unique_ptr<EVP_MD_CTX, CDeleter<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;
  MUSTER_ASSERT(EVP_DigestSignInit_ex(context.get(), &key_context, plan.digest, nullptr, nullptr,
                                      native, nullptr) == 1);
  if (plan.pss) {
    MUSTER_ASSERT(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1);
    MUSTER_ASSERT(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) == 1);
  }
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(native));
  Buffer signature(size);
  MUSTER_ASSERT(EVP_DigestSign(context.get(), signature.data(), &size, tbs.data(), tbs.size()) ==
                1);
  signature.resize(size);
  return {*from_hex(plan.algorithm_hex), std::move(signature)};
}

std::string to_pem(std::string_view label, Bytes der) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  MUSTER_ASSERT(PEM_write_bio(bio.get(), std::string(label).c_str(), "", der.data(),
                              static_cast<long>(der.size())) > 0);
  return bio_text(bio.get());
}

}  // namespace muster::testing
