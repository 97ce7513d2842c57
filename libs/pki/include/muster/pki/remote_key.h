#pragma once

#include <atomic>

#include "muster/pki/keys.h"

// Keys that live elsewhere: in a token behind PKCS#11 (libs/token), later perhaps in another
// process. pki knows their public half and how to ask; PrivateKey::remote() makes such a key one
// like any other.
namespace muster::pki {

/// One signature to be made.
struct RemoteJob {
  SignatureScheme scheme{};  ///< not kAuto
  Buffer input;              ///< the digest; for Ed25519, Ed448 and ML-DSA the whole message
  /// Whether these octets are the signature that was asked for. A key must not hand out what fails
  /// here. Any thread.
  std::function<bool(Bytes signature)> verifies;
  /// Takes the signature as X.509 wants it (ECDSA: DER). Called exactly once, on any thread, not
  /// later than the key's deadline. Errors: kUnavailable, kSigningFailed.
  std::function<void(PkiResult<Buffer>)> done;
};

/// Whether a key can be expected to sign now.
enum class KeyHealth : std::uint8_t {
  kWell,
  kProbeDue,  ///< it failed; the next signature will be tried and shows whether it is back
  kFailing,   ///< it failed; until the pause is over every signature is refused at once
};
std::string_view to_string(KeyHealth health);

/// What happened to one key. Written by any thread (relaxed); read from any.
struct KeyCounters {
  std::atomic<std::uint64_t> signatures{0}, failures{0}, timeouts{0}, refused_busy{0},
      refused_failing{0}, bad_signatures{0};
};

/// Threads: every method from any thread.
class RemoteKey {
 public:
  virtual ~RemoteKey() = default;
  /// For people and metrics: "token demo, object ocsp-signer". Never holds a PIN.
  [[nodiscard]] virtual const std::string& name() const = 0;
  /// SubjectPublicKeyInfo element.
  [[nodiscard]] virtual Bytes public_key_info() const = 0;
  /// Nothing when it can make such signatures; otherwise why not.
  [[nodiscard]] virtual std::string refuses(SignatureScheme scheme) const = 0;
  /// Takes a job; never blocks. May call `done` before it returns (when refused at once).
  virtual void sign(RemoteJob job) = 0;
  [[nodiscard]] virtual KeyHealth health() const = 0;
  [[nodiscard]] virtual const KeyCounters& counters() const = 0;
  /// Why it failed the last time, for people: function and code of the token. Empty: it never did.
  /// Never holds a PIN.
  [[nodiscard]] virtual std::string last_error() const { return ""; }
};

}  // namespace muster::pki
