#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <condition_variable>
#include <mutex>
#include <optional>

#include "algorithms.h"
#include "key_impl.h"
#include "muster/pki/remote_key.h"
#include "remote_signing.h"

namespace muster::pki {
namespace {

/// The scheme for a key when none was named; nothing for keys we do not sign with.
std::optional<SignatureScheme> default_scheme(const EVP_PKEY* key) {
  const auto is = [&](const char* type) { return EVP_PKEY_is_a(key, type) == 1; };
  if (is("RSA")) {
    return SignatureScheme::kRsaSha256;
  }
  if (is("RSA-PSS")) {
    return SignatureScheme::kRsaPssSha256;
  }
  if (is("EC")) {
    switch (EVP_PKEY_get_bits(key)) {
      case 256:
        return SignatureScheme::kEcdsaSha256;
      case 384:
        return SignatureScheme::kEcdsaSha384;
      case 521:
        return SignatureScheme::kEcdsaSha512;
      default:
        return std::nullopt;
    }
  }
  for (const auto scheme :
       {SignatureScheme::kEd25519, SignatureScheme::kEd448, SignatureScheme::kMlDsa44,
        SignatureScheme::kMlDsa65, SignatureScheme::kMlDsa87}) {
    if (is(plan_of(scheme).key_type)) {
      return scheme;
    }
  }
  return std::nullopt;
}

bool fits(const SchemePlan& plan, const EVP_PKEY* key) {
  return EVP_PKEY_is_a(key, plan.key_type) == 1 ||
         (plan.family == Family::kRsaPss && EVP_PKEY_is_a(key, "RSA-PSS") == 1);
}

}  // namespace

/// Where a digest is signed, two prepared contexts are kept: one that hashes, one that signs
/// hashes. Both may be used again by OpenSSL's contract, which re-initialising an EVP_DigestSign
/// context is not; the cost is the same (README). EdDSA and ML-DSA take the message whole and are
/// initialised each time.
struct Signer::Impl {
  PrivateKey key;
  const SchemePlan* plan;
  openssl::DigestPtr digest;
  openssl::DigestContextPtr hashing;
  openssl::KeyContextPtr signing;
  std::size_t max_bytes;

  [[nodiscard]] EVP_PKEY* native() const { return key.impl().key.get(); }

  bool prepare() {
    max_bytes = static_cast<std::size_t>(EVP_PKEY_get_size(native()));
    hashing.reset(EVP_MD_CTX_new());
    if (plan->family == Family::kPure) {
      return hashing != nullptr;
    }
    digest.reset(EVP_MD_fetch(nullptr, plan->digest, nullptr));
    if (key.remote() != nullptr) {
      return hashing != nullptr && digest != nullptr;
    }
    signing.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, native(), nullptr));
    bool ready = digest != nullptr && signing != nullptr && EVP_PKEY_sign_init(signing.get()) == 1;
    if (ready && plan->family == Family::kRsaPss) {
      ready = EVP_PKEY_CTX_set_rsa_padding(signing.get(), RSA_PKCS1_PSS_PADDING) == 1 &&
              EVP_PKEY_CTX_set_signature_md(signing.get(), digest.get()) == 1 &&
              EVP_PKEY_CTX_set_rsa_mgf1_md(signing.get(), digest.get()) == 1 &&
              EVP_PKEY_CTX_set_rsa_pss_saltlen(signing.get(), RSA_PSS_SALTLEN_DIGEST) == 1;
    } else if (ready) {
      ready = EVP_PKEY_CTX_set_signature_md(signing.get(), digest.get()) == 1;
    }
    return ready;
  }

  bool hash(Bytes tbs, std::uint8_t (&out)[EVP_MAX_MD_SIZE], unsigned& size) {
    return EVP_DigestInit_ex2(hashing.get(), digest.get(), nullptr) == 1 &&
           EVP_DigestUpdate(hashing.get(), tbs.data(), tbs.size()) == 1 &&
           EVP_DigestFinal_ex(hashing.get(), out, &size) == 1;
  }

  bool sign(Bytes tbs, Buffer& out) {
    std::size_t size = max_bytes;
    if (plan->family == Family::kPure) {
      if (EVP_DigestSignInit_ex(hashing.get(), nullptr, nullptr, nullptr, nullptr, native(),
                                nullptr) != 1) {
        return false;
      }
      out.resize(max_bytes);
      if (EVP_DigestSign(hashing.get(), out.data(), &size, tbs.data(), tbs.size()) != 1) {
        return false;
      }
    } else {
      std::uint8_t hashed[EVP_MAX_MD_SIZE];
      unsigned hash_size = 0;
      if (!hash(tbs, hashed, hash_size)) {
        return false;
      }
      out.resize(max_bytes);
      if (EVP_PKEY_sign(signing.get(), out.data(), &size, hashed, hash_size) != 1) {
        return false;
      }
    }
    out.resize(size);
    return true;
  }
};

Signer::Signer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Signer::Signer(Signer&&) noexcept = default;
Signer& Signer::operator=(Signer&&) noexcept = default;
Signer::~Signer() = default;

PkiResult<Signer> Signer::make(const PrivateKey& key, SignatureScheme scheme) {
  const EVP_PKEY* native = key.impl().key.get();
  if (scheme == SignatureScheme::kAuto) {
    const auto chosen = default_scheme(native);
    if (!chosen) {
      return Err{
          PkiError{PkiErrc::kUnsupportedAlgorithm,
                   "signing needs an RSA, P-256, P-384, P-521, Ed25519, Ed448 or ML-DSA key"}};
    }
    scheme = *chosen;
  }
  const SchemePlan& plan = plan_of(scheme);
  if (!fits(plan, native) || !default_scheme(native)) {
    return Err{
        PkiError{PkiErrc::kUnsupportedAlgorithm, "the signature scheme does not fit the key"}};
  }
  if (!is_strong_enough(native, AlgorithmPolicy{})) {
    return Err{PkiError{PkiErrc::kWeakAlgorithm,
                        "an RSA key of " + std::to_string(EVP_PKEY_get_bits(native)) +
                            " bits is too weak to sign with; 2048 is the least"}};
  }
  if (key.remote() != nullptr) {
    if (std::string why_not = key.remote()->refuses(scheme); !why_not.empty()) {
      return Err{PkiError{PkiErrc::kUnsupportedAlgorithm, std::move(why_not)}};
    }
  }
  auto impl = std::make_unique<Impl>(Impl{key, &plan, nullptr, nullptr, nullptr, 0});
  if (!impl->prepare()) {
    return Err{PkiError{
        PkiErrc::kUnsupportedAlgorithm,
        "OpenSSL cannot sign so with this key: " + openssl::take_error("no reason given")}};
  }
  return Signer(std::move(impl));
}

Signer Signer::clone() const {
  auto copy = std::make_unique<Impl>(Impl{impl_->key, impl_->plan, nullptr, nullptr, nullptr, 0});
  MUSTER_ASSERT(copy->prepare());  // it did for this one
  return Signer(std::move(copy));
}

Bytes Signer::algorithm() const { return impl_->plan->algorithm_der; }
std::size_t Signer::max_signature_bytes() const { return impl_->max_bytes; }

RemoteKey* Signer::remote() const { return impl_->key.remote(); }

PkiResult<Unit> Signer::sign(Bytes tbs, Buffer& out) {
  if (remote() != nullptr) {
    struct Waiting {
      std::mutex mutex;
      std::condition_variable arrived;
      std::optional<PkiResult<Buffer>> result;
    };
    Waiting waiting;
    sign_later(tbs, [&waiting](PkiResult<Buffer> result) {
      // Notified under the lock: the one who waits destroys all of it as soon as the lock is free.
      const std::lock_guard lock(waiting.mutex);
      waiting.result.emplace(std::move(result));
      waiting.arrived.notify_one();
    });
    std::unique_lock lock(waiting.mutex);
    waiting.arrived.wait(lock, [&] { return waiting.result.has_value(); });
    out.clear();
    MUSTER_TRY(out, *std::move(waiting.result));
    return Unit{};
  }
  if (!impl_->sign(tbs, out)) {
    out.clear();
    return Err{PkiError{PkiErrc::kSigningFailed,
                        "signing failed: " + openssl::take_error("no reason given")}};
  }
  return Unit{};
}

void Signer::sign_later(Bytes tbs, std::function<void(PkiResult<Buffer>)> done) {
  MUSTER_ASSERT(remote() != nullptr);
  RemoteJob job;
  job.scheme = impl_->plan->scheme;
  job.done = std::move(done);
  if (impl_->plan->family == Family::kPure) {
    job.input = to_buffer(tbs);
  } else {
    std::uint8_t hashed[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    MUSTER_ASSERT(impl_->hash(tbs, hashed, size));  // a digest that was fetched does not fail
    job.input.assign(hashed, hashed + size);
  }
  // Not the PrivateKey: a job must not keep alive what it is waiting in.
  EVP_PKEY_up_ref(impl_->native());
  std::shared_ptr<EVP_PKEY> public_half(impl_->native(), EVP_PKEY_free);
  job.verifies = [key = std::move(public_half), plan = impl_->plan,
                  input = job.input](Bytes signature) {
    return verifies_remote(key.get(), *plan, input, signature);
  };
  remote()->sign(std::move(job));
}

}  // namespace muster::pki
