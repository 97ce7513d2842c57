#include "algorithms.h"

#include <algorithm>

namespace muster::pki {
namespace {

#define OCTETS(name, ...) constexpr std::uint8_t name[] = {__VA_ARGS__}
OCTETS(kMd2Rsa, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 2);
OCTETS(kMd5Rsa, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4);
OCTETS(kSha1Rsa, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5);
OCTETS(kOiwSha1Rsa, 0x2b, 0x0e, 3, 2, 0x1d);
OCTETS(kPss, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10);
OCTETS(kSha256Rsa, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11);
OCTETS(kSha384Rsa, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12);
OCTETS(kSha512Rsa, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13);
OCTETS(kSha224Rsa, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 14);
OCTETS(kSha1Ecdsa, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1);
OCTETS(kSha224Ecdsa, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1);
OCTETS(kSha256Ecdsa, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2);
OCTETS(kSha384Ecdsa, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3);
OCTETS(kSha512Ecdsa, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4);
OCTETS(kSha1Dsa, 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3);
OCTETS(kSha224Dsa, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 1);
OCTETS(kSha256Dsa, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 2);
OCTETS(kEd25519, 0x2b, 0x65, 0x70);
OCTETS(kEd448, 0x2b, 0x65, 0x71);
OCTETS(kMlDsa44, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 17);
OCTETS(kMlDsa65, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18);
OCTETS(kMlDsa87, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 19);
OCTETS(kMgf1, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8);

// Whole AlgorithmIdentifiers to write: RSA with NULL (RFC 4055 section 5), ECDSA (RFC 5758
// section 3.2), EdDSA (RFC 8410 section 3) and ML-DSA (RFC 9881) without parameters.
#define RSA_ID(n) 0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, n, 5, 0
OCTETS(kRsaSha256Id, RSA_ID(11));
OCTETS(kRsaSha384Id, RSA_ID(12));
OCTETS(kRsaSha512Id, RSA_ID(13));
#define ECDSA_ID(n) 0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, n
OCTETS(kEcdsaSha256Id, ECDSA_ID(2));
OCTETS(kEcdsaSha384Id, ECDSA_ID(3));
OCTETS(kEcdsaSha512Id, ECDSA_ID(4));
OCTETS(kEd25519Id, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70);
OCTETS(kEd448Id, 0x30, 5, 6, 3, 0x2b, 0x65, 0x71);
#define MLDSA_ID(n) 0x30, 0x0b, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, n
OCTETS(kMlDsa44Id, MLDSA_ID(17));
OCTETS(kMlDsa65Id, MLDSA_ID(18));
OCTETS(kMlDsa87Id, MLDSA_ID(19));
// SEQUENCE { id-RSASSA-PSS, SEQUENCE { [0] hash, [1] mgf1 with hash, [2] INTEGER salt } },
// hash 2.16.840.1.101.3.4.2.n with NULL, salt as long as the hash.
#define HASH_ID(n) 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, n, 5, 0
#define PSS_ID(n, salt)                                                                      \
  0x30, 0x41, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10, 0x30, 0x34, 0xa0, 0x0f,    \
      HASH_ID(n), 0xa1, 0x1c, 0x30, 0x1a, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8, \
      HASH_ID(n), 0xa2, 3, 2, 1, salt
OCTETS(kPssSha256Id, PSS_ID(1, 32));
OCTETS(kPssSha384Id, PSS_ID(2, 48));
OCTETS(kPssSha512Id, PSS_ID(3, 64));
#undef OCTETS
#undef RSA_ID
#undef ECDSA_ID
#undef MLDSA_ID
#undef HASH_ID
#undef PSS_ID

constexpr SignatureAlgorithm kAlgorithms[] = {
    {kSha256Rsa, "sha256WithRSAEncryption", Family::kRsaPkcs1, "RSA", "SHA2-256", Strength::kFine},
    {kSha256Ecdsa, "ecdsa-with-SHA256", Family::kEcdsa, "EC", "SHA2-256", Strength::kFine},
    {kSha384Ecdsa, "ecdsa-with-SHA384", Family::kEcdsa, "EC", "SHA2-384", Strength::kFine},
    {kSha512Ecdsa, "ecdsa-with-SHA512", Family::kEcdsa, "EC", "SHA2-512", Strength::kFine},
    {kSha224Ecdsa, "ecdsa-with-SHA224", Family::kEcdsa, "EC", "SHA2-224", Strength::kFine},
    {kSha1Ecdsa, "ecdsa-with-SHA1", Family::kEcdsa, "EC", "SHA1", Strength::kSha1},
    {kSha384Rsa, "sha384WithRSAEncryption", Family::kRsaPkcs1, "RSA", "SHA2-384", Strength::kFine},
    {kSha512Rsa, "sha512WithRSAEncryption", Family::kRsaPkcs1, "RSA", "SHA2-512", Strength::kFine},
    {kSha224Rsa, "sha224WithRSAEncryption", Family::kRsaPkcs1, "RSA", "SHA2-224", Strength::kFine},
    {kPss, "rsassaPss", Family::kRsaPss, "RSA", nullptr, Strength::kFine},
    {kSha1Rsa, "sha1WithRSAEncryption", Family::kRsaPkcs1, "RSA", "SHA1", Strength::kSha1},
    {kOiwSha1Rsa, "sha1WithRSA", Family::kRsaPkcs1, "RSA", "SHA1", Strength::kSha1},
    {kMd5Rsa, "md5WithRSAEncryption", Family::kRsaPkcs1, "RSA", "MD5", Strength::kBroken},
    {kMd2Rsa, "md2WithRSAEncryption", Family::kRsaPkcs1, "RSA", "MD2", Strength::kBroken},
    {kSha1Dsa, "dsaWithSHA1", Family::kDsa, "DSA", "SHA1", Strength::kSha1},
    {kSha224Dsa, "dsa_with_SHA224", Family::kDsa, "DSA", "SHA2-224", Strength::kFine},
    {kSha256Dsa, "dsa_with_SHA256", Family::kDsa, "DSA", "SHA2-256", Strength::kFine},
    {kEd25519, "Ed25519", Family::kPure, "ED25519", nullptr, Strength::kFine},
    {kEd448, "Ed448", Family::kPure, "ED448", nullptr, Strength::kFine},
    {kMlDsa44, "ML-DSA-44", Family::kPure, "ML-DSA-44", nullptr, Strength::kFine},
    {kMlDsa65, "ML-DSA-65", Family::kPure, "ML-DSA-65", nullptr, Strength::kFine},
    {kMlDsa87, "ML-DSA-87", Family::kPure, "ML-DSA-87", nullptr, Strength::kFine},
};

constexpr SchemePlan kPlans[] = {
    {SignatureScheme::kRsaSha256, Family::kRsaPkcs1, "RSA", "SHA2-256", kRsaSha256Id},
    {SignatureScheme::kRsaSha384, Family::kRsaPkcs1, "RSA", "SHA2-384", kRsaSha384Id},
    {SignatureScheme::kRsaSha512, Family::kRsaPkcs1, "RSA", "SHA2-512", kRsaSha512Id},
    {SignatureScheme::kRsaPssSha256, Family::kRsaPss, "RSA", "SHA2-256", kPssSha256Id},
    {SignatureScheme::kRsaPssSha384, Family::kRsaPss, "RSA", "SHA2-384", kPssSha384Id},
    {SignatureScheme::kRsaPssSha512, Family::kRsaPss, "RSA", "SHA2-512", kPssSha512Id},
    {SignatureScheme::kEcdsaSha256, Family::kEcdsa, "EC", "SHA2-256", kEcdsaSha256Id},
    {SignatureScheme::kEcdsaSha384, Family::kEcdsa, "EC", "SHA2-384", kEcdsaSha384Id},
    {SignatureScheme::kEcdsaSha512, Family::kEcdsa, "EC", "SHA2-512", kEcdsaSha512Id},
    {SignatureScheme::kEd25519, Family::kPure, "ED25519", nullptr, kEd25519Id},
    {SignatureScheme::kEd448, Family::kPure, "ED448", nullptr, kEd448Id},
    {SignatureScheme::kMlDsa44, Family::kPure, "ML-DSA-44", nullptr, kMlDsa44Id},
    {SignatureScheme::kMlDsa65, Family::kPure, "ML-DSA-65", nullptr, kMlDsa65Id},
    {SignatureScheme::kMlDsa87, Family::kPure, "ML-DSA-87", nullptr, kMlDsa87Id},
};

using der::DerErrc;
using der::DerError;
using der::DerResult;
using der::Reader;
using der::Tag;

DerResult<const char*> digest_name(const der::AlgorithmView& algorithm, std::uint32_t offset) {
  if (const auto hash = der::find_hash(algorithm)) {
    switch (*hash) {
      case HashAlgorithm::kSha1:
        return "SHA1";
      case HashAlgorithm::kSha256:
        return "SHA2-256";
      case HashAlgorithm::kSha384:
        return "SHA2-384";
      case HashAlgorithm::kSha512:
        return "SHA2-512";
    }
  }
  return Err{DerError{DerErrc::kUnsupported, offset, "hashAlgorithm"}};
}

}  // namespace

const SignatureAlgorithm* find_algorithm(Bytes oid) {
  const auto* found = std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                                   [&](const SignatureAlgorithm& a) { return equal(a.oid, oid); });
  return found == std::end(kAlgorithms) ? nullptr : found;
}

const SchemePlan& plan_of(SignatureScheme scheme) {
  const auto* found = std::find_if(std::begin(kPlans), std::end(kPlans),
                                   [&](const SchemePlan& p) { return p.scheme == scheme; });
  MUSTER_ASSERT(found != std::end(kPlans));
  return *found;
}

/// RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] DEFAULT sha1, maskGenAlgorithm [1] DEFAULT
/// mgf1SHA1,
///   saltLength [2] INTEGER DEFAULT 20, trailerField [3] INTEGER DEFAULT 1 }   RFC 4055 section 3.1
der::DerResult<PssParameters> parse_pss_parameters(std::optional<Bytes> parameters) {
  if (!parameters) {
    return Err{DerError{DerErrc::kBadValue, 0, "RSASSA-PSS-params"}};
  }
  return der::read_all(
      *parameters, Tag::kSequence, "RSASSA-PSS-params", [](Reader& in) -> DerResult<PssParameters> {
        PssParameters pss;
        MUSTER_TRY(auto hash, in.enter_optional(der::context_constructed(0), "hashAlgorithm"));
        if (hash) {
          const std::uint32_t at = hash->offset();
          MUSTER_TRY(const auto algorithm, der::read_algorithm(*hash, "hashAlgorithm"));
          MUSTER_TRY(pss.digest, digest_name(algorithm, at));
          MUSTER_CHECK(hash->finish("hashAlgorithm"));
        }
        MUSTER_TRY(auto mask, in.enter_optional(der::context_constructed(1), "maskGenAlgorithm"));
        if (mask) {
          const std::uint32_t at = mask->offset();
          MUSTER_TRY(const auto generator, der::read_algorithm(*mask, "maskGenAlgorithm"));
          MUSTER_CHECK(mask->finish("maskGenAlgorithm"));
          if (!equal(generator.oid, kMgf1) || !generator.parameters) {
            return Err{DerError{DerErrc::kUnsupported, at, "maskGenAlgorithm"}};
          }
          Reader inner(*generator.parameters, at);
          MUSTER_TRY(const auto algorithm, der::read_algorithm(inner, "maskGenAlgorithm"));
          MUSTER_TRY(pss.mgf_digest, digest_name(algorithm, at));
        }
        MUSTER_TRY(auto salt, in.enter_optional(der::context_constructed(2), "saltLength"));
        if (salt) {
          MUSTER_TRY(const std::uint64_t octets, salt->read_unsigned("saltLength", 2048));
          MUSTER_CHECK(salt->finish("saltLength"));
          pss.salt_octets = static_cast<int>(octets);
        }
        MUSTER_TRY(auto trailer, in.enter_optional(der::context_constructed(3), "trailerField"));
        if (trailer) {
          MUSTER_CHECK(trailer->read_unsigned("trailerField", 1));
          MUSTER_CHECK(trailer->finish("trailerField"));
        }
        return pss;
      });
}

bool is_strong_enough(const EVP_PKEY* key, const AlgorithmPolicy& policy) {
  constexpr int kMinSecurityBits =
      112;  // NIST SP 800-57: the floor beyond 2010; RSA has its own number
  if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")) {
    return EVP_PKEY_get_bits(key) >= static_cast<int>(policy.min_rsa_bits);
  }
  if (EVP_PKEY_is_a(key, "DSA")) {
    return policy.insecurely_allow_dsa;
  }
  return EVP_PKEY_get_security_bits(key) >= kMinSecurityBits;
}

std::string algorithm_text(const der::AlgorithmView& algorithm) {
  const SignatureAlgorithm* known = find_algorithm(algorithm.oid);
  return known != nullptr ? known->name : der::oid_to_string(algorithm.oid);
}

}  // namespace muster::pki
