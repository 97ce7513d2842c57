#include "muster/pki/keys.h"

#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstring>

#include "certificate_impl.h"
#include "key_impl.h"
#include "muster/pki/native.h"
#include "muster/pki/remote_key.h"

namespace muster::pki {
namespace {

constexpr std::size_t kMaxKeyFileBytes = std::size_t{1} << 20;

struct PassphraseRequest {
  const std::function<std::optional<std::string>()>& ask;
  bool asked = false;
  bool answered = false;
  bool too_long = false;
};

/// pem_password_cb: fills `out` and returns its size, or -1 for "none".
int answer_passphrase(char* out, int capacity, int /*for_writing*/, void* user) noexcept {
  auto* request = static_cast<PassphraseRequest*>(user);
  request->asked = true;
  std::optional<std::string> passphrase = request->ask ? request->ask() : std::nullopt;
  int size = -1;
  if (passphrase) {
    request->answered = true;
    request->too_long = passphrase->size() > static_cast<std::size_t>(capacity);
    if (!request->too_long) {
      std::memcpy(out, passphrase->data(), passphrase->size());
      size = static_cast<int>(passphrase->size());
    }
    OPENSSL_cleanse(passphrase->data(), passphrase->size());
  }
  return size;
}

openssl::KeyPtr decode_der(Bytes der, PassphraseRequest& request) {
  EVP_PKEY* key = nullptr;
  const openssl::Ptr<OSSL_DECODER_CTX, OSSL_DECODER_CTX_free> context(OSSL_DECODER_CTX_new_for_pkey(
      &key, "DER", nullptr, nullptr, EVP_PKEY_KEYPAIR, nullptr, nullptr));
  if (context == nullptr ||
      OSSL_DECODER_CTX_set_pem_password_cb(context.get(), answer_passphrase, &request) != 1) {
    return nullptr;
  }
  const unsigned char* at = der.data();
  std::size_t size = der.size();
  OSSL_DECODER_from_data(context.get(), &at, &size);
  return openssl::KeyPtr(key);
}

openssl::KeyPtr decode_pem(Bytes pem, PassphraseRequest& request) {
  const auto bio = openssl::memory_bio(pem);
  return openssl::KeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, answer_passphrase, &request));
}

}  // namespace

PkiResult<PrivateKey> PrivateKey::parse(
    Bytes pem_or_der, const std::function<std::optional<std::string>()>& passphrase) {
  if (pem_or_der.size() > kMaxKeyFileBytes) {
    return Err{PkiError{PkiErrc::kNotAKey, "more than 1 MiB: not a private key"}};
  }
  if (pem_or_der.empty()) {
    return Err{PkiError{PkiErrc::kNotAKey, "an empty file: there is no private key in it"}};
  }
  PassphraseRequest request{passphrase};
  const bool pem = as_text(pem_or_der).find("-----BEGIN ") != std::string_view::npos;
  auto key = pem ? decode_pem(pem_or_der, request) : decode_der(pem_or_der, request);
  const bool unsupported = openssl::has_unsupported();
  const std::string reason = openssl::take_error("no private key in it");
  if (key != nullptr) {
    return PrivateKey(std::make_shared<Impl>(Impl{std::move(key), nullptr}));
  }
  if (request.asked && unsupported && request.answered && !request.too_long) {
    return Err{PkiError{PkiErrc::kUnsupportedAlgorithm,
                        "the key is encrypted in a way OpenSSL 3 does not enable (" + reason +
                            "); convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -provider legacy "
                            "-provider default -in OLD -out NEW"}};
  }
  if (request.asked) {
    return Err{PkiError{PkiErrc::kWrongPassphrase,
                        request.too_long ? "the passphrase is longer than 1024 octets"
                        : request.answered
                            ? "the key is encrypted and the passphrase does not open it"
                            : "the key is encrypted and no passphrase was given"}};
  }
  return Err{PkiError{PkiErrc::kNotAKey,
                      "not a private key that can be used (PEM or DER is read): " + reason}};
}

PkiResult<PrivateKey> PrivateKey::load(
    const std::string& path, const std::function<std::optional<std::string>()>& passphrase) {
  auto content = read_file(path, kMaxKeyFileBytes);
  if (!content) {
    return Err{PkiError{PkiErrc::kUnreadable, to_string(content.error())}};
  }
  auto key = parse(*content, passphrase);
  OPENSSL_cleanse(content->data(), content->size());
  if (!key) {
    return Err{PkiError{key.error().code, path + ": " + key.error().detail}};
  }
  return key;
}

PkiResult<PrivateKey> PrivateKey::remote(std::shared_ptr<RemoteKey> key) {
  const Bytes info = key->public_key_info();
  const std::uint8_t* at = info.data();
  openssl::KeyPtr native(d2i_PUBKEY(nullptr, &at, static_cast<long>(info.size())));
  if (native == nullptr || at != info.data() + info.size()) {
    return Err{PkiError{PkiErrc::kNotAKey, key->name() + ": OpenSSL cannot use its public key: " +
                                               openssl::take_error("it does not parse")}};
  }
  return PrivateKey(std::make_shared<Impl>(Impl{std::move(native), std::move(key)}));
}

RemoteKey* PrivateKey::remote() const { return impl_->remote.get(); }

bool PrivateKey::matches(const Certificate& certificate) const {
  const EVP_PKEY* theirs = X509_get0_pubkey(certificate.impl().x509());
  const bool same = theirs != nullptr && EVP_PKEY_eq(theirs, impl_->key.get()) == 1;
  openssl::drop_errors();
  return same;
}

Buffer PrivateKey::public_key_info() const {
  std::uint8_t* encoded = nullptr;
  const int size = i2d_PUBKEY(impl_->key.get(), &encoded);
  MUSTER_ASSERT(size > 0);  // a key that was decoded has a public half that encodes
  Buffer out(encoded, encoded + size);
  OPENSSL_free(encoded);
  return out;
}

std::string_view to_string(KeyHealth health) {
  switch (health) {
    case KeyHealth::kWell:
      return "well";
    case KeyHealth::kProbeDue:
      return "probe-due";
    case KeyHealth::kFailing:
      return "failing";
  }
  return "?";
}

evp_pkey_st* native_key(const PrivateKey& key) { return key.impl().key.get(); }

}  // namespace muster::pki
