#pragma once

#include <atomic>
#include <mutex>
#include <span>

#include "muster/pki/certificate.h"
#include "openssl.h"

namespace muster::pki {

/// All views point into `der`, which never moves: an Impl is born in its final place.
struct Certificate::Impl {
  ~Impl();
  /// As Certificate::parse. `decoded`: see parse_decoded() in native.h.
  static PkiResult<Certificate> parse(Bytes octets, X509* decoded);
  /// Reads `der` into all that stands below it. Errors: as Certificate::parse.
  PkiResult<Unit> read();
  /// The same read anew, without OpenSSL's form.
  [[nodiscard]] Certificate compact() const;

  /// Whether the signature was found to hold under the key of `other`. Told apart by their octets,
  /// not by their places: what holds of these octets holds for ever. Only for keys that are whole
  /// in their own certificate (see verify_issued_by).
  [[nodiscard]] bool is_proven_by(const Impl& other) const {
    const std::lock_guard lock(proof_mutex_);
    return proof_ == other.fingerprint;
  }
  void note_proof(const Impl& other) const {
    const std::lock_guard lock(proof_mutex_);
    proof_ = other.fingerprint;
  }

  Buffer der;
  Bytes tbs;
  Bytes subject;
  Bytes issuer;
  Bytes public_key_bits;
  Bytes public_key_info;
  Bytes signature;
  der::AlgorithmView signature_algorithm;
  std::optional<Serial> serial;  // always there once parsed; Serial has no empty state
  UnixSeconds not_before;
  UnixSeconds not_after;
  std::uint8_t version = 1;
  bool has_unique_ids = false;  ///< issuerUniqueID or subjectUniqueID, of which nobody knows a use
  /// Extensions as encoded, the SEQUENCE with its header; empty where there are none. Their views
  /// would be larger than what they show, and are seldom asked for: they are read when they are.
  Bytes extensions;
  CertificateFacts facts;
  std::array<std::uint8_t, 32> fingerprint{};
  std::array<std::uint8_t, 20> key_hash{};

  /// OpenSSL's form, several times as large as `der` and slower to make than a signature to verify.
  /// Made when it is first asked for; when it was parsed where the certificate is not plain.
  /// Lives as long as this. What OpenSSL should refuse then, after all, is an empty certificate to
  /// it: no key, no name, nothing verifies.   Threads: any; all get the same.
  [[nodiscard]] X509* x509() const;
  /// Whether it was made.
  [[nodiscard]] bool is_decoded() const { return made_.load(std::memory_order_acquire) != nullptr; }

 private:
  mutable std::mutex proof_mutex_;
  /// By proof_mutex_: of the certificate whose key last verified the signature.
  mutable std::optional<std::array<std::uint8_t, 32>> proof_;
  mutable std::atomic<X509*> made_{nullptr};  ///< owned; set once
};

/// Decodes the extensions that facts are made of. Errors: of the extension that does not parse.
der::DerResult<CertificateFacts> decode_facts(std::span<const der::ExtensionView> extensions);

}  // namespace muster::pki
