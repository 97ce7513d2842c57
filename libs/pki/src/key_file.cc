#include "muster/pki/key_file.h"

#include <openssl/crypto.h>
#include <openssl/pkcs12.h>

#include <algorithm>

#include "key_impl.h"
#include "muster/pki/input.h"

namespace muster::pki {
namespace {

using Pkcs12Ptr = openssl::Ptr<PKCS12, PKCS12_free>;
constexpr std::size_t kMaxKeyFileBytes = std::size_t{1} << 20;

struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_pop_free(stack, X509_free); }
};
using StackPtr = std::unique_ptr<STACK_OF(X509), FreeStack>;

/// A passphrase that does not outlive its use.
struct Secret {
  std::string text;
  explicit Secret(std::string t) : text(std::move(t)) {}
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { OPENSSL_cleanse(text.data(), text.size()); }
};

PkiResult<Certificate> convert(X509* x509) {
  std::uint8_t* encoded = nullptr;
  const int size = i2d_X509(x509, &encoded);  // the octets as received
  if (size <= 0) {
    return Err{PkiError{PkiErrc::kNotACertificate,
                        "a certificate in it cannot be taken out: " + openssl::take_error("")}};
  }
  auto parsed = Certificate::parse({encoded, static_cast<std::size_t>(size)});
  OPENSSL_free(encoded);
  return parsed;
}

/// The certificate of the key to the front, the others in their order.
void put_own_first(KeyFile& file) {
  std::stable_partition(
      file.certificates.begin(), file.certificates.end(),
      [&](const Certificate& certificate) { return file.key.matches(certificate); });
}

/// What a PKCS#12 store holds; the key may be absent.
struct Opened {
  openssl::KeyPtr key;
  std::vector<Certificate> certificates;
};

PkiResult<Opened> open_pkcs12(PKCS12* p12, const char* passphrase) {
  EVP_PKEY* native = nullptr;
  X509* own = nullptr;
  STACK_OF(X509)* others = nullptr;
  const int opened = PKCS12_parse(p12, passphrase, &native, &own, &others);
  Opened content;
  content.key.reset(native);
  const openssl::X509Ptr own_owner(own);
  const StackPtr others_owner(others);
  const bool unsupported = openssl::has_unsupported();
  const std::string reason = openssl::take_error("no reason given");
  if (opened != 1) {
    if (unsupported) {
      return Err{PkiError{PkiErrc::kUnsupportedAlgorithm,
                          "this PKCS#12 file is encrypted with RC2 or another algorithm that "
                          "OpenSSL 3 does not enable; convert it: openssl pkcs12 "
                          "-legacy -in OLD -nodes | openssl pkcs12 -export -out NEW"}};
    }
    return Err{PkiError{PkiErrc::kNotAKey, "a PKCS#12 file that cannot be taken apart: " + reason}};
  }
  if (own != nullptr) {
    MUSTER_TRY(Certificate certificate, convert(own));
    content.certificates.push_back(std::move(certificate));
  }
  for (int i = 0; others != nullptr && i < sk_X509_num(others); ++i) {
    MUSTER_TRY(Certificate certificate, convert(sk_X509_value(others, i)));
    content.certificates.push_back(std::move(certificate));
  }
  return content;
}

/// Whether the passphrase opens it.
enum class Fit : std::uint8_t { kYes, kNo };
PkiResult<Fit> try_passphrase(PKCS12* p12, const Secret& secret) {
  const bool fits =
      secret.text.size() <= 1024 && PKCS12_verify_mac(p12, secret.text.c_str(), -1) == 1;
  const bool unsupported = openssl::has_unsupported();
  const std::string reason = openssl::take_error("no reason given");
  if (!fits && unsupported) {
    return Err{PkiError{PkiErrc::kUnsupportedAlgorithm,
                        "the integrity of this PKCS#12 file cannot be checked: " + reason}};
  }
  return fits ? Fit::kYes : Fit::kNo;
}

/// Without a passphrase, with an empty one, then with those asked for.
PkiResult<Opened> unlock(Bytes der, std::span<const AskPassphrase> passphrases) {
  const std::uint8_t* at = der.data();
  const Pkcs12Ptr p12(d2i_PKCS12(nullptr, &at, static_cast<long>(der.size())));
  if (p12 == nullptr) {
    return Err{PkiError{PkiErrc::kNotAKey, "a PKCS#12 file that is damaged: " +
                                               openssl::take_error("it does not parse")}};
  }
  // "No passphrase" has two forms: none, and an empty one.
  if (PKCS12_mac_present(p12.get()) == 0 || PKCS12_verify_mac(p12.get(), nullptr, 0) == 1) {
    openssl::drop_errors();
    return open_pkcs12(p12.get(), nullptr);
  }
  if (PKCS12_verify_mac(p12.get(), "", 0) == 1) {
    openssl::drop_errors();
    return open_pkcs12(p12.get(), "");
  }
  openssl::drop_errors();
  std::size_t tried = 0;
  for (const AskPassphrase& ask : passphrases) {
    std::optional<std::string> answer = ask ? ask() : std::nullopt;
    if (!answer) {
      continue;
    }
    ++tried;
    const Secret secret(*std::move(answer));
    MUSTER_TRY(const Fit fit, try_passphrase(p12.get(), secret));
    if (fit == Fit::kYes) {
      return open_pkcs12(p12.get(), secret.text.c_str());
    }
  }
  const char* const why =
      tried == 0   ? "the PKCS#12 file is encrypted and no passphrase was given"
      : tried == 1 ? "the passphrase does not open this PKCS#12 file (or the file was altered)"
                   : "none of the passphrases opens this PKCS#12 file (or the file was altered)";
  return Err{PkiError{PkiErrc::kWrongPassphrase, why}};
}

}  // namespace

bool looks_like_pkcs12(Bytes input) {
  if (input.size() < 8 || input[0] != 0x30) {
    return false;
  }
  const std::size_t length_octets =
      input[1] > 0x80 ? 1u + (input[1] & 0x7fu) : 1u;  // 0x80: indefinite, which PFX may be
  const std::size_t at = 1 + length_octets;
  return input.size() > at + 3 && input[at] == 0x02 && input[at + 1] == 1 && input[at + 2] == 3 &&
         input[at + 3] == 0x30;
}

PkiResult<KeyFile> parse_pkcs12(Bytes der, const AskPassphrase& passphrase) {
  if (der.size() > kMaxKeyFileBytes) {
    return Err{PkiError{PkiErrc::kNotAKey, "more than 1 MiB: not a PKCS#12 file of one key"}};
  }
  MUSTER_TRY(Opened content, unlock(der, std::span(&passphrase, 1)));
  if (content.key == nullptr) {
    return Err{PkiError{PkiErrc::kNotAKey, "a PKCS#12 file without a private key"}};
  }
  KeyFile file{PrivateKey(std::make_shared<PrivateKey::Impl>(
                   PrivateKey::Impl{std::move(content.key), nullptr})),
               std::move(content.certificates)};
  put_own_first(file);
  return file;
}

PkiResult<std::vector<Certificate>> parse_pkcs12_certificates(
    Bytes der, std::span<const AskPassphrase> passphrases) {
  if (der.size() > kMaxPkcs12Bytes) {
    return Err{
        PkiError{PkiErrc::kNotACertificate,
                 "a PKCS#12 file of more than " + std::to_string(kMaxPkcs12Bytes >> 20) + " MiB"}};
  }
  auto content = unlock(der, passphrases);
  if (!content) {
    const bool damaged = content.error().code == PkiErrc::kNotAKey;
    return Err{PkiError{damaged ? PkiErrc::kNotACertificate : content.error().code,
                        content.error().detail}};
  }
  if (content->certificates.empty()) {
    return Err{PkiError{PkiErrc::kNotACertificate, "a PKCS#12 file without a certificate"}};
  }
  return std::move(content->certificates);
}

PkiResult<KeyFile> parse_key_file(Bytes content, const AskPassphrase& passphrase) {
  if (looks_like_pkcs12(content)) {
    return parse_pkcs12(content, passphrase);
  }
  MUSTER_TRY(PrivateKey key, PrivateKey::parse(content, passphrase));
  KeyFile file{std::move(key), {}};
  if (as_text(content).find("-----BEGIN CERT") != std::string_view::npos) {
    MUSTER_TRY(file.certificates, parse_certificates(content));
    put_own_first(file);
  }
  return file;
}

PkiResult<KeyFile> load_key_file(const std::string& path, const AskPassphrase& passphrase) {
  auto content = read_file(path, kMaxKeyFileBytes);
  if (!content) {
    return Err{PkiError{PkiErrc::kUnreadable, to_string(content.error())}};
  }
  auto file = parse_key_file(*content, passphrase);
  OPENSSL_cleanse(content->data(), content->size());
  if (!file) {
    return Err{PkiError{file.error().code, path + ": " + file.error().detail}};
  }
  return file;
}

}  // namespace muster::pki
