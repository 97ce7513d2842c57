#pragma once

#include <p11-kit/pkcs11.h>

#include "muster/pki/keys.h"

// Between how PKCS#11 and how X.509 write keys and signatures.
namespace muster::token {

enum class KeyFamily : std::uint8_t { kRsa, kEc, kEdwards };

/// The mechanism for a scheme; nothing for one PKCS#11 tokens are not asked for (ML-DSA).
struct MechanismPlan {
  CK_MECHANISM_TYPE type;
  KeyFamily family;
  CK_RSA_PKCS_PSS_PARAMS pss{};  ///< for CKM_RSA_PKCS_PSS
};
std::optional<MechanismPlan> mechanism_for(pki::SignatureScheme scheme);
/// What C_Sign is given for the digest (or message): a DigestInfo for RSA PKCS#1 v1.5, the same
/// octets otherwise.
Buffer input_for(pki::SignatureScheme scheme, Bytes digest_or_message);

/// Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER } from r || s. Errors: kSigningFailed (an
/// odd number of octets, or none).
pki::PkiResult<Buffer> ecdsa_signature(Bytes raw);

/// SubjectPublicKeyInfo elements from attributes of a token.
Buffer rsa_public_key(Bytes modulus, Bytes exponent);
/// \param params  CKA_EC_PARAMS: the curve's OID element
/// \param point   CKA_EC_POINT: an OCTET STRING, or the octets themselves as some tokens have it
Buffer ec_public_key(Bytes params, Bytes point);
/// Ed25519 or Ed448, told apart by the size of the point. Nothing for another size.
std::optional<Buffer> edwards_public_key(Bytes point);

}  // namespace muster::token
