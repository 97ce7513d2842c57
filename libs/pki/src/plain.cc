#include "plain.h"

#include <algorithm>

#include "muster/base/text.h"
#include "muster/der/name.h"

// What d2i_X509() of OpenSSL 3 looks at and our reader does not, is excluded here: values in names
// (string types whose content it checks or converts, crypto/x509/x_name.c), unique identifiers,
// parameters of algorithms, and keys of kinds that it looks up by name. Extensions and times it
// takes as they are; lengths, tags, integers and OIDs our reader judges as strictly.
namespace muster::pki {
namespace {

using der::Reader;
using der::Tag;

/// Far more than any has, far less than OpenSSL's own bounds.
constexpr std::size_t kMaxPlainBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxPlainNameBytes = 16384;

bool is_plain_text(Tag type, Bytes content) {
  const auto is_ascii = [](std::uint8_t octet) { return octet >= 0x20 && octet < 0x7f; };
  if (content.empty()) {
    return false;
  }
  if (type == Tag::kPrintableString || type == Tag::kIa5String) {
    return std::all_of(content.begin(), content.end(), is_ascii);
  }
  // Text that is printable as it is, is UTF-8.
  return type == Tag::kUtf8String && printable(as_text(content)) == as_text(content);
}

bool is_plain_name(Bytes name) {
  if (name.size() > kMaxPlainNameBytes) {
    return false;
  }
  Reader in(name);
  bool is_plain = true;
  const auto look = [&is_plain](const der::NameAttribute& attribute, bool) {
    is_plain = is_plain && is_plain_text(attribute.value.tag, attribute.value.content);
  };
  return der::walk_name(in, look, "name") && is_plain;
}

bool has_plain_parameters(const der::AlgorithmView& algorithm) {
  static constexpr std::uint8_t kNull[] = {5, 0};
  return !algorithm.parameters || equal(*algorithm.parameters, kNull);
}

/// AlgorithmIdentifiers of the keys that certificates of the web have, whole: RSA (RFC 3279 section
/// 2.3.1), P-256, P-384 and P-521 (RFC 5480 section 2.1.1), Ed25519 and Ed448 (RFC 8410 section 3).
bool is_plain_key(Bytes public_key_info) {
  static constexpr std::uint8_t kRsa[] = {0x30, 13,   6, 9, 0x2a, 0x86, 0x48, 0x86,
                                          0xf7, 0x0d, 1, 1, 1,    5,    0};
  static constexpr std::uint8_t kP256[] = {0x30, 19, 6,    7,    0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1,
                                           6,    8,  0x2a, 0x86, 0x48, 0xce, 0x3d, 3,    1,    7};
  static constexpr std::uint8_t kP384[] = {0x30, 16, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                           2,    1,  6, 5, 0x2b, 0x81, 4,    0,    0x22};
  static constexpr std::uint8_t kP521[] = {0x30, 16, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                           2,    1,  6, 5, 0x2b, 0x81, 4,    0,    0x23};
  static constexpr std::uint8_t kEd25519[] = {0x30, 5, 6, 3, 0x2b, 0x65, 0x70};
  static constexpr std::uint8_t kEd448[] = {0x30, 5, 6, 3, 0x2b, 0x65, 0x71};
  static constexpr Bytes kPlain[] = {kRsa, kP256, kP384, kP521, kEd25519, kEd448};
  Reader outer(public_key_info);
  auto info = outer.enter(Tag::kSequence, "subjectPublicKeyInfo");
  if (!info) {
    return false;
  }
  const auto algorithm = info->read_element(Tag::kSequence, "subjectPublicKeyInfo.algorithm");
  return algorithm && std::any_of(std::begin(kPlain), std::end(kPlain),
                                  [&](Bytes plain) { return equal(plain, algorithm->raw); });
}

}  // namespace

bool is_plain(const Certificate::Impl& certificate) {
  return certificate.der.size() <= kMaxPlainBytes && !certificate.has_unique_ids &&
         has_plain_parameters(certificate.signature_algorithm) &&
         is_plain_key(certificate.public_key_info) && is_plain_name(certificate.issuer) &&
         is_plain_name(certificate.subject);
}

}  // namespace muster::pki
