#pragma once

#include <functional>
#include <memory>
#include <string>

#include "muster/pki/certificate.h"

// Keys, signing and verifying over OpenSSL 3. Algorithms that only newer libraries have (ML-DSA)
// work when the library found at run time has them.
namespace muster::pki {

/// How a signature is made. kAuto picks by key: RSA PKCS#1 v1.5 with SHA-256 (PSS for a key that is
/// for PSS only); P-256/384/521 with SHA-256/384/512; EdDSA and ML-DSA as they are.
enum class SignatureScheme : std::uint8_t {
  kAuto,
  kRsaSha256,
  kRsaSha384,
  kRsaSha512,
  kRsaPssSha256,
  kRsaPssSha384,
  kRsaPssSha512,
  kEcdsaSha256,
  kEcdsaSha384,
  kEcdsaSha512,
  kEd25519,
  kEd448,
  kMlDsa44,
  kMlDsa65,
  kMlDsa87,
};

class RemoteKey;  // remote_key.h

/// A private key, in this process or held elsewhere (a token: see remote_key.h). Copies share it.
/// Never logged.
class PrivateKey {
 public:
  /// PEM (plain or encrypted PKCS#8, traditional) or DER. `passphrase` is called only for an
  /// encrypted key and returns nothing when there is none. Errors: kUnreadable, kNotAKey,
  /// kWrongPassphrase.
  static PkiResult<PrivateKey> load(
      const std::string& path, const std::function<std::optional<std::string>()>& passphrase = {});
  static PkiResult<PrivateKey> parse(
      Bytes pem_or_der, const std::function<std::optional<std::string>()>& passphrase = {});
  /// A key that signs elsewhere. Errors: kNotAKey (its public half is none that OpenSSL reads).
  static PkiResult<PrivateKey> remote(std::shared_ptr<RemoteKey> key);
  /// Null for a key in this process. Others may block when they sign: not on a loop
  /// (Signer::sign_later).
  [[nodiscard]] RemoteKey* remote() const;
  [[nodiscard]] bool matches(const Certificate& certificate) const;
  /// SubjectPublicKeyInfo element of its public half.
  [[nodiscard]] Buffer public_key_info() const;
  struct Impl;
  [[nodiscard]] const Impl& impl() const { return *impl_; }
  explicit PrivateKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

/// Signs with one key and scheme, keeping one prepared context. Threads: one at a time per object;
/// clone() for more.
class Signer {
 public:
  /// Errors: kUnsupportedAlgorithm (scheme does not fit the key), kWeakAlgorithm (RSA below 2048
  /// bits).
  static PkiResult<Signer> make(const PrivateKey& key,
                                SignatureScheme scheme = SignatureScheme::kAuto);
  Signer(Signer&&) noexcept;
  Signer& operator=(Signer&&) noexcept;
  ~Signer();
  [[nodiscard]] Signer clone() const;
  /// Whole AlgorithmIdentifier, exactly as RFC 4055, 5758, 8410 want it (OCSP-COD-030).
  [[nodiscard]] Bytes algorithm() const;
  [[nodiscard]] std::size_t max_signature_bytes() const;
  /// Appends nothing, fills `out` (resized). Reuses its capacity: no allocation when warm. With a
  /// remote key it blocks until that has answered or its deadline has passed. Errors:
  /// kSigningFailed; kUnavailable (remote keys: no answer now).
  PkiResult<Unit> sign(Bytes tbs, Buffer& out);
  /// Null for a key in this process, whose sign() never blocks.
  [[nodiscard]] RemoteKey* remote() const;
  /// Signs with a remote key without blocking: `done` is called exactly once, on any thread,
  /// possibly inside this call, with a signature that verifies or with an error as sign() has.
  /// Precondition: remote().
  void sign_later(Bytes tbs, std::function<void(PkiResult<Buffer>)> done);

 private:
  struct Impl;
  explicit Signer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Which signatures are acceptable. Defaults refuse SHA-1, DSA, RSA below 2048 bits and any key of
/// less than 112 bits of strength; MD5 and MD2 are refused whatever is set (OCSP-CLI-029, -031;
/// decision 006).
struct AlgorithmPolicy {
  bool insecurely_allow_sha1 = false;
  bool insecurely_allow_dsa = false;
  unsigned min_rsa_bits = 2048;
};

/// Verifies `signature` over `tbs` under the public key of `signer`. RSA PKCS#1 identifiers may
/// lack their NULL. Errors: kUnsupportedAlgorithm, kWeakAlgorithm, kBadSignature.
PkiResult<Unit> verify_signature(const der::AlgorithmView& algorithm, Bytes tbs, Bytes signature,
                                 const Certificate& signer, const AlgorithmPolicy& policy = {});
/// Whether `certificate` carries a good signature by the key of `issuer` (names not compared).
PkiResult<Unit> verify_issued_by(const Certificate& certificate, const Certificate& issuer,
                                 const AlgorithmPolicy& policy = {});
/// "ecdsa-with-SHA256": for people.
std::string algorithm_text(const der::AlgorithmView& algorithm);

/// Finds a path leaf -> ... -> anchor through `intermediates`, checking names, signatures, CA bits
/// and validity at `now` (leaf validity not judged when `leaf_may_be_expired`). Returns the chain
/// from the leaf to the anchor, both included. An anchor is trusted because it was given,
/// self-signed or not. Bounded: at most 10 certificates in a path and 100 signatures tried, so
/// hostile heaps of certificates cost little. Errors: kNoPath, kExpired, kNotYetValid,
/// kWeakAlgorithm: the reason that came nearest to a path.
enum class LeafValidity : std::uint8_t { kChecked, kIgnored };
PkiResult<std::vector<Certificate>> find_path(const Certificate& leaf,
                                              std::span<const Certificate> intermediates,
                                              std::span<const Certificate> anchors, UnixSeconds now,
                                              LeafValidity leaf_validity = LeafValidity::kChecked,
                                              const AlgorithmPolicy& policy = {});
/// The anchors of the system (OpenSSL's default file and directory).
std::vector<Certificate> system_anchors();

}  // namespace muster::pki
