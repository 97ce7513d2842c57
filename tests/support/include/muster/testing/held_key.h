#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "muster/pki/remote_key.h"

namespace muster::testing {

/// A remote key whose signatures come when the test lets them: behind it is a key of this process
/// (RSA PKCS#1 v1.5 or ECDSA). Threads: any.
class HeldKey final : public pki::RemoteKey {
 public:
  explicit HeldKey(pki::PrivateKey local);

  /// From now on: kAtOnce signs inside the call; kHeld keeps jobs for answer(); kFailing refuses at
  /// once.
  enum class Mode : std::uint8_t { kAtOnce, kHeld, kFailing };
  void set(Mode mode);
  [[nodiscard]] std::size_t waiting() const;
  /// Jobs taken so far.
  [[nodiscard]] std::size_t taken() const;
  /// Finishes the oldest job: with its signature, or with kUnavailable.
  void answer();
  void fail();

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] Bytes public_key_info() const override { return info_; }
  [[nodiscard]] std::string refuses(pki::SignatureScheme /*scheme*/) const override { return ""; }
  void sign(pki::RemoteJob job) override;
  [[nodiscard]] pki::KeyHealth health() const override;
  [[nodiscard]] const pki::KeyCounters& counters() const override { return counters_; }

 private:
  [[nodiscard]] pki::PkiResult<Buffer> make(const pki::RemoteJob& job) const;
  pki::RemoteJob take();

  const pki::PrivateKey local_;
  const std::string name_ = "held";
  const Buffer info_;
  pki::KeyCounters counters_;
  mutable std::mutex mutex_;
  Mode mode_ = Mode::kAtOnce;
  std::deque<pki::RemoteJob> jobs_;
  std::size_t taken_ = 0;
};

}  // namespace muster::testing
