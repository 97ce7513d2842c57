#pragma once

#include "muster/pki/keys.h"
#include "openssl.h"

// The signature algorithms we know: identifiers, and what OpenSSL calls their parts. One table for
// signing and verifying.
namespace muster::pki {

enum class Family : std::uint8_t { kRsaPkcs1, kRsaPss, kEcdsa, kPure, kDsa };
enum class Strength : std::uint8_t { kFine, kSha1, kBroken };

/// One signature algorithm as identified on the wire. For kRsaPss `digest` is null: the parameters
/// name it.
struct SignatureAlgorithm {
  Bytes oid;
  const char* name;  ///< for people
  Family family;
  const char* key_type;  ///< EVP_PKEY_is_a
  const char* digest;    ///< EVP_MD name; null where the algorithm has its own
  Strength strength;
};
/// The algorithm with this OID; null for one we do not know.
const SignatureAlgorithm* find_algorithm(Bytes oid);

/// RSASSA-PSS-params that we can work with.
struct PssParameters {
  const char* digest = "SHA1";  // the defaults of RFC 4055 section 3.1
  const char* mgf_digest = "SHA1";
  int salt_octets = 20;
};
der::DerResult<PssParameters> parse_pss_parameters(std::optional<Bytes> parameters);

/// How to sign with a scheme, and what to write as its identifier.
struct SchemePlan {
  SignatureScheme scheme;
  Family family;
  const char* key_type;
  const char* digest;
  Bytes algorithm_der;
};
const SchemePlan& plan_of(SignatureScheme scheme);  ///< not for kAuto

/// Whether the key is at least as strong as every policy of ours wants apart from RSA: 112 bits.
bool is_strong_enough(const EVP_PKEY* key, const AlgorithmPolicy& policy);

}  // namespace muster::pki
