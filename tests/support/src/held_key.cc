#include "muster/testing/held_key.h"

#include <openssl/evp.h>

#include "muster/base/assert.h"
#include "muster/pki/native.h"

namespace muster::testing {

using pki::PkiErrc;
using pki::PkiError;
using pki::PkiResult;

HeldKey::HeldKey(pki::PrivateKey local)
    : local_(std::move(local)), info_(local_.public_key_info()) {}

void HeldKey::set(Mode mode) {
  const std::lock_guard lock(mutex_);
  mode_ = mode;
}
std::size_t HeldKey::waiting() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}
std::size_t HeldKey::taken() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}
pki::KeyHealth HeldKey::health() const {
  const std::lock_guard lock(mutex_);
  return mode_ == Mode::kFailing ? pki::KeyHealth::kFailing : pki::KeyHealth::kWell;
}

PkiResult<Buffer> HeldKey::make(const pki::RemoteJob& job) const {
  EVP_PKEY* key = pki::native_key(local_);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new(key, nullptr), EVP_PKEY_CTX_free);
  const EVP_MD* md = job.input.size() == 32   ? EVP_sha256()
                     : job.input.size() == 48 ? EVP_sha384()
                                              : EVP_sha512();
  Buffer out(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
  std::size_t size = out.size();
  MUSTER_ASSERT(
      EVP_PKEY_sign_init(context.get()) == 1 &&
      EVP_PKEY_CTX_set_signature_md(context.get(), md) == 1 &&
      EVP_PKEY_sign(context.get(), out.data(), &size, job.input.data(), job.input.size()) == 1);
  out.resize(size);
  MUSTER_ASSERT(job.verifies(out));
  return out;
}

void HeldKey::sign(pki::RemoteJob job) {
  Mode mode = Mode::kHeld;
  {
    const std::lock_guard lock(mutex_);
    ++taken_;
    mode = mode_;
    if (mode == Mode::kHeld) {
      jobs_.push_back(std::move(job));
      return;
    }
  }
  job.done(mode == Mode::kAtOnce ? make(job)
                                 : Err{PkiError{PkiErrc::kUnavailable, "held: failing"}});
}

pki::RemoteJob HeldKey::take() {
  const std::lock_guard lock(mutex_);
  MUSTER_ASSERT(!jobs_.empty());
  pki::RemoteJob job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}
void HeldKey::answer() {
  const pki::RemoteJob job = take();
  job.done(make(job));
}
void HeldKey::fail() {
  const pki::RemoteJob job = take();
  job.done(Err{PkiError{PkiErrc::kUnavailable, "held: gone"}});
}

}  // namespace muster::testing
