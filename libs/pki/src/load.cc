#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "certificate_impl.h"
#include "muster/base/text.h"
#include "muster/pki/input.h"
#include "muster/pki/recent_certificates.h"

namespace muster::pki {
namespace {

constexpr std::size_t kMaxCertificateFileBytes = std::size_t{16} << 20;
/// Responses or CRLs of one file.
constexpr std::size_t kMaxPemBlocks = 100'000;

/// DER of a certificate, CRL or PKCS#7 starts with SEQUENCE and a length octet that no text has
/// behind a '0'; what it contains may well look like PEM.
bool is_pem(Bytes input) {
  const bool is_der = input.size() > 1 && input[0] == 0x30 && input[1] >= 0x80;
  return !is_der && as_text(input).find("-----BEGIN ") != std::string_view::npos;
}

/// What OpenSSL would pass over as text although it may be DER: the head of a SEQUENCE of more than
/// 127 octets, and some of the tags of BOOLEAN up to OBJECT IDENTIFIER. Text may have one of them:
/// `openssl pkcs12` cuts the letters of a friendlyName to octets (U+0105 gives 0x05), and in old
/// character sets a 0 may stand before a quotation mark (0x84).
bool has_der_beside_pem(Bytes input) {
  const auto is_head = [](std::uint8_t tag, std::uint8_t length) {
    return tag == 0x30 && length >= 0x80 && length <= 0x84;
  };
  return std::adjacent_find(input.begin(), input.end(), is_head) != input.end() &&
         std::any_of(input.begin(), input.end(),
                     [](std::uint8_t octet) { return octet >= 0x01 && octet <= 0x07; });
}

/// One PEM block; its memory may hold a private key that happens to be in the same file and is
/// wiped.
struct PemBlock {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  PemBlock() = default;
  PemBlock(const PemBlock&) = delete;
  PemBlock& operator=(const PemBlock&) = delete;
  ~PemBlock() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<std::size_t>(size));
  }
  [[nodiscard]] Bytes octets() const { return {data, static_cast<std::size_t>(size)}; }
};

enum class PemStep : std::uint8_t { kBlock, kEnd, kDamaged };
PemStep next_block(BIO* bio, PemBlock& block) {
  if (PEM_read_bio(bio, &block.name, &block.header, &block.data, &block.size) == 1) {
    return PemStep::kBlock;
  }
  const bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  openssl::drop_errors();
  return end ? PemStep::kEnd : PemStep::kDamaged;
}

PkiError not_a_certificate(std::string detail) {
  return {PkiErrc::kNotACertificate, std::move(detail)};
}

PkiError der_beside_pem() {
  return not_a_certificate(
      "PEM together with octets that are no text (DER before or behind it?); give each a file of "
      "its own");
}

/// Where certificates are collected.
struct Collected {
  std::vector<Certificate> all;
  RecentCertificates* recent = nullptr;

  PkiResult<Unit> append(Bytes der) {
    MUSTER_TRY(Certificate certificate,
               recent != nullptr ? recent->parse(der) : Certificate::parse(der));
    all.push_back(std::move(certificate));
    return Unit{};
  }
};

PkiResult<Unit> append_pkcs7(Bytes der, Collected& to) {
  const std::uint8_t* at = der.data();
  const openssl::Pkcs7Ptr p7(d2i_PKCS7(nullptr, &at, static_cast<long>(der.size())));
  openssl::drop_errors();
  if (p7 == nullptr || !PKCS7_type_is_signed(p7.get()) || p7->d.sign == nullptr) {
    return Err{not_a_certificate("PKCS#7 data that is not a readable SignedData")};
  }
  const STACK_OF(X509)* certificates = p7->d.sign->cert;
  for (int i = 0; certificates != nullptr && i < sk_X509_num(certificates); ++i) {
    std::uint8_t* encoded = nullptr;
    const int size = i2d_X509(sk_X509_value(certificates, i), &encoded);  // the octets as received
    if (size <= 0) {
      openssl::drop_errors();
      return Err{not_a_certificate("PKCS#7 data with a certificate that cannot be taken out")};
    }
    const auto appended = to.append({encoded, static_cast<std::size_t>(size)});
    OPENSSL_free(encoded);
    MUSTER_CHECK(appended);
  }
  return Unit{};
}

/// ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, ... } starts with an OID, a
/// Certificate with a SEQUENCE. Read by hand because PKCS#7 from CAs may be BER with indefinite
/// lengths.
bool looks_like_pkcs7(Bytes der) {
  if (der.size() < 4 || der[0] != 0x30) {
    return false;
  }
  const std::size_t length_octets = der[1] > 0x80 ? 1u + (der[1] & 0x7fu) : 1u;
  return der.size() > 1 + length_octets && der[1 + length_octets] == 0x06;
}

PkiResult<Unit> append_block(const PemBlock& block, Collected& to) {
  const std::string_view name = block.name;
  if (name == PEM_STRING_PKCS7 || name == "CMS") {
    return append_pkcs7(block.octets(), to);
  }
  Bytes octets = block.octets();
  if (name == PEM_STRING_X509_TRUSTED) {
    der::Reader in(octets);  // the certificate and then OpenSSL's own trust settings
    const auto first = in.read_any("TRUSTED CERTIFICATE");
    octets = first ? first->raw : octets;
  } else if (name != PEM_STRING_X509 && name != PEM_STRING_X509_OLD) {
    return Unit{};
  }
  return to.append(octets);
}

}  // namespace

PkiResult<std::vector<Certificate>> parse_certificates(Bytes input, RecentCertificates* recent) {
  Collected found{{}, recent};
  if (input.size() > kMaxCertificateFileBytes) {
    return Err{not_a_certificate("more than 16 MiB of certificates")};
  }
  if (is_pem(input)) {
    if (has_der_beside_pem(input)) {
      return Err{der_beside_pem()};
    }
    const auto bio = openssl::memory_bio(input);
    for (;;) {
      PemBlock block;
      const PemStep step = next_block(bio.get(), block);
      if (step == PemStep::kDamaged) {
        return Err{not_a_certificate("PEM block " + std::to_string(found.all.size() + 1) +
                                     " is damaged (base64 or END line)")};
      }
      if (step == PemStep::kEnd) {
        break;
      }
      MUSTER_CHECK(append_block(block, found));
    }
  } else if (looks_like_pkcs7(input)) {
    MUSTER_CHECK(append_pkcs7(input, found));
  } else if (!input.empty()) {
    MUSTER_CHECK(found.append(input));
  }
  if (found.all.empty()) {
    return Err{not_a_certificate("no certificate in it (PEM, DER and PKCS#7 are read)")};
  }
  return std::move(found.all);
}

PkiResult<std::vector<Certificate>> load_certificates(const std::string& path,
                                                      RecentCertificates* recent) {
  auto content = read_file(path, kMaxCertificateFileBytes);
  if (!content) {
    return Err{PkiError{PkiErrc::kUnreadable, to_string(content.error())}};
  }
  auto all = parse_certificates(*content, recent);
  if (!all) {
    return Err{PkiError{all.error().code, path + ": " + all.error().detail}};
  }
  return all;
}

namespace {

/// All PEM blocks of this name in their order, perhaps none: of several responses or CRLs any may
/// be the one that revokes.
PkiResult<std::vector<Buffer>> find_blocks(Bytes input, std::string_view name) {
  if (has_der_beside_pem(input)) {
    return Err{der_beside_pem()};
  }
  std::vector<Buffer> found;
  const auto bio = openssl::memory_bio(input);
  for (;;) {
    PemBlock block;
    const PemStep step = next_block(bio.get(), block);
    if (step == PemStep::kDamaged) {
      return Err{not_a_certificate("PEM that is damaged (base64 or END line)")};
    }
    if (step == PemStep::kEnd) {
      break;
    }
    if (block.name != name) {
      continue;
    }
    if (found.size() == kMaxPemBlocks) {
      return Err{not_a_certificate("PEM with more than " + std::to_string(kMaxPemBlocks) +
                                   " blocks " + std::string(name) + "; split the file")};
    }
    found.push_back(to_buffer(block.octets()));
  }
  // OpenSSL passes over a block whose BEGIN line is damaged or indented as over any other text.
  if (count_of(as_text(input), std::string(name) + "-----") != 2 * found.size()) {
    return Err{not_a_certificate("PEM that is damaged (of " + std::string(name) + ", only " +
                                 std::to_string(found.size()) +
                                 " can be read: does each BEGIN and END stand at the left edge of "
                                 "a line of its own?)")};
  }
  return found;
}

/// Of a file that is no PEM: it is left as it is.
std::vector<Buffer> one(Buffer input) {
  std::vector<Buffer> all;
  all.push_back(std::move(input));
  return all;
}

}  // namespace

PkiResult<std::vector<Buffer>> decode_responses(Buffer input) {
  if (!is_pem(input)) {
    if (input.empty() || input[0] != 0x30) {
      return Err{not_a_certificate("no OCSP response in it (PEM and DER are read)")};
    }
    return one(std::move(input));
  }
  if (input.size() > kMaxCertificateFileBytes) {
    return Err{not_a_certificate("more than 16 MiB of PEM")};
  }
  MUSTER_TRY(auto blocks, find_blocks(input, "OCSP RESPONSE"));
  if (blocks.empty()) {
    return Err{not_a_certificate("PEM without a block OCSP RESPONSE")};
  }
  return blocks;
}

PkiResult<std::vector<Buffer>> decode_crls(Buffer input) {
  if (!is_pem(input)) {
    if (input.empty() || input[0] != 0x30) {
      return Err{PkiError{PkiErrc::kNotACrl, "no CRL in it (PEM and DER are read)"}};
    }
    return one(std::move(input));
  }
  if (input.size() > 0x7fffffff) {
    return Err{PkiError{PkiErrc::kNotACrl, "PEM of more than 2 GiB; convert it to DER"}};
  }
  auto blocks = find_blocks(input, PEM_STRING_X509_CRL);
  if (!blocks || blocks->empty()) {
    return Err{PkiError{PkiErrc::kNotACrl,
                        blocks ? "PEM without a block X509 CRL" : blocks.error().detail}};
  }
  return blocks;
}

PkiResult<Buffer> decode_crl_input(Buffer input) {
  MUSTER_TRY(std::vector<Buffer> crls, decode_crls(std::move(input)));
  if (crls.size() != 1) {
    return Err{PkiError{PkiErrc::kNotACrl, "PEM with " + std::to_string(crls.size()) +
                                               " CRLs where one is read; give each a file of its "
                                               "own"}};
  }
  return std::move(crls.front());
}

std::vector<Certificate> system_anchors() {
  std::vector<Certificate> all;
  std::set<std::array<std::uint8_t, 32>> seen;
  const auto add = [&](const std::string& path) {
    if (auto loaded = load_certificates(path)) {
      for (Certificate& certificate : *loaded) {
        if (seen.insert(certificate.fingerprint()).second) {
          all.push_back(std::move(certificate));
        }
      }
    }
  };
  add(X509_get_default_cert_file());
  std::error_code error;
  // Names as c_rehash gives them: eight hexadecimal digits, a dot, a number.
  for (std::filesystem::directory_iterator it(X509_get_default_cert_dir(), error), end;
       !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    const std::size_t dot = name.find_first_not_of("0123456789abcdef");
    if (dot == 8 && name[dot] == '.' &&
        name.find_first_not_of("0123456789", 9) == std::string::npos) {
      add(it->path().string());
    }
  }
  return all;
}

}  // namespace muster::pki
