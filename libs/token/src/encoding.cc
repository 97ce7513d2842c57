#include "encoding.h"

#include <algorithm>

#include "muster/der/der.h"

namespace muster::token {
namespace {

using der::Tag;
using der::Writer;
using pki::SignatureScheme;

constexpr std::uint8_t kRsaEncryption[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1};
constexpr std::uint8_t kEcPublicKey[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1};
constexpr std::uint8_t kEd25519[] = {0x2b, 0x65, 0x70};
constexpr std::uint8_t kEd448[] = {0x2b, 0x65, 0x71};
/// 2.16.840.1.101.3.4.2; the hash's own number follows.
constexpr std::uint8_t kSha2[] = {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2};

/// INTEGER content of an unsigned number.
Buffer unsigned_content(Bytes magnitude) {
  while (!magnitude.empty() && magnitude.front() == 0) {
    magnitude = magnitude.subspan(1);
  }
  const std::size_t sign_octets = magnitude.empty() || (magnitude.front() & 0x80U) != 0 ? 1 : 0;
  Buffer out(sign_octets + magnitude.size());
  std::copy(magnitude.begin(), magnitude.end(),
            out.begin() + static_cast<std::ptrdiff_t>(sign_octets));
  return out;
}

Bytes without_octet_string(Bytes point) {
  der::Reader in(point);
  const auto inner = in.read(Tag::kOctetString, "CKA_EC_POINT");
  return inner && in.finish("CKA_EC_POINT") ? *inner : point;
}

}  // namespace

std::optional<MechanismPlan> mechanism_for(SignatureScheme scheme) {
  switch (scheme) {
    case SignatureScheme::kRsaSha256:
    case SignatureScheme::kRsaSha384:
    case SignatureScheme::kRsaSha512:
      return MechanismPlan{CKM_RSA_PKCS, KeyFamily::kRsa, {}};
    case SignatureScheme::kRsaPssSha256:
      return MechanismPlan{CKM_RSA_PKCS_PSS, KeyFamily::kRsa, {CKM_SHA256, CKG_MGF1_SHA256, 32}};
    case SignatureScheme::kRsaPssSha384:
      return MechanismPlan{CKM_RSA_PKCS_PSS, KeyFamily::kRsa, {CKM_SHA384, CKG_MGF1_SHA384, 48}};
    case SignatureScheme::kRsaPssSha512:
      return MechanismPlan{CKM_RSA_PKCS_PSS, KeyFamily::kRsa, {CKM_SHA512, CKG_MGF1_SHA512, 64}};
    case SignatureScheme::kEcdsaSha256:
    case SignatureScheme::kEcdsaSha384:
    case SignatureScheme::kEcdsaSha512:
      return MechanismPlan{CKM_ECDSA, KeyFamily::kEc, {}};
    case SignatureScheme::kEd25519:
    case SignatureScheme::kEd448:
      return MechanismPlan{CKM_EDDSA, KeyFamily::kEdwards, {}};
    case SignatureScheme::kAuto:
    case SignatureScheme::kMlDsa44:
    case SignatureScheme::kMlDsa65:
    case SignatureScheme::kMlDsa87:
      return std::nullopt;
  }
  return std::nullopt;
}

Buffer input_for(SignatureScheme scheme, Bytes digest_or_message) {
  std::uint8_t last_arc = 0;
  switch (scheme) {
    case SignatureScheme::kRsaSha256:
      last_arc = 1;
      break;
    case SignatureScheme::kRsaSha384:
      last_arc = 2;
      break;
    case SignatureScheme::kRsaSha512:
      last_arc = 3;
      break;
    case SignatureScheme::kAuto:
    case SignatureScheme::kRsaPssSha256:
    case SignatureScheme::kRsaPssSha384:
    case SignatureScheme::kRsaPssSha512:
    case SignatureScheme::kEcdsaSha256:
    case SignatureScheme::kEcdsaSha384:
    case SignatureScheme::kEcdsaSha512:
    case SignatureScheme::kEd25519:
    case SignatureScheme::kEd448:
    case SignatureScheme::kMlDsa44:
    case SignatureScheme::kMlDsa65:
    case SignatureScheme::kMlDsa87:
      return to_buffer(digest_or_message);
  }
  Buffer oid(std::begin(kSha2), std::end(kSha2));
  oid.push_back(last_arc);
  Writer out;  // DigestInfo ::= SEQUENCE { digestAlgorithm AlgorithmIdentifier, digest OCTET STRING
               // }   RFC 8017 9.2
  out.sequence([&] {
    out.sequence([&] {
      out.oid(oid);
      out.null();
    });
    out.octet_string(digest_or_message);
  });
  return out.take();
}

pki::PkiResult<Buffer> ecdsa_signature(Bytes raw) {
  if (raw.empty() || raw.size() % 2 != 0) {
    return Err{pki::PkiError{pki::PkiErrc::kSigningFailed,
                             "the token returned " + std::to_string(raw.size()) +
                                 " octets, which is no ECDSA signature"}};
  }
  Writer out;
  out.sequence([&] {
    out.integer_octets(unsigned_content(raw.first(raw.size() / 2)));
    out.integer_octets(unsigned_content(raw.subspan(raw.size() / 2)));
  });
  return out.take();
}

Buffer rsa_public_key(Bytes modulus, Bytes exponent) {
  Writer key;  // RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
  key.sequence([&] {
    key.integer_octets(unsigned_content(modulus));
    key.integer_octets(unsigned_content(exponent));
  });
  Writer out;
  out.sequence([&] {
    out.sequence([&] {
      out.oid(kRsaEncryption);
      out.null();
    });
    out.octet_bits(key.bytes());
  });
  return out.take();
}

Buffer ec_public_key(Bytes params, Bytes point) {
  Writer out;
  out.sequence([&] {
    out.sequence([&] {
      out.oid(kEcPublicKey);
      out.raw(params);
    });
    out.octet_bits(without_octet_string(point));
  });
  return out.take();
}

std::optional<Buffer> edwards_public_key(Bytes point) {
  const Bytes octets =
      point.size() == 32 || point.size() == 57 ? point : without_octet_string(point);
  if (octets.size() != 32 && octets.size() != 57) {
    return std::nullopt;
  }
  Writer out;
  out.sequence([&] {
    out.sequence([&] { out.oid(octets.size() == 32 ? Bytes(kEd25519) : Bytes(kEd448)); });
    out.octet_bits(octets);
  });
  return out.take();
}

}  // namespace muster::token
