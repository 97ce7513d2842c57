#pragma once

#include <memory>
#include <string>
#include <vector>

#include "muster/pki/authority.h"
#include "muster/pki/keys.h"
#include "muster/responder/issuer_index.h"
#include "muster/responder/policy.h"
#include "muster/store/store.h"

// Everything a responder must know before the first request, checked when it is loaded: issuers, who signs for them, rules.
// Immutable afterwards; a reload makes another one.
namespace muster::responder {

/// What stands behind the records of an issuer, and with it what thisUpdate means.
enum class DataOrigin : std::uint8_t {
  kWatchedSource,  ///< index.txt or a CRL: right when it was last read
  kStoreItself,    ///< the store is written directly: right at this moment
};
/// Whether a delegate that the issuer's key did not certify may sign, because clients are told to trust it (RFC 6960 2.2).
enum class LocallyTrusted : std::uint8_t { kNo, kYes };

/// One issuer as parsed from files: input of make_setup.
struct IssuerSpec {
  std::string label;                            ///< for people
  /// First: the issuer. Others with its name and key (renewed, cross-signed) are the same issuer.
  std::vector<pki::Certificate> certificates;
  pki::Certificate signer;                      ///< the CA's certificate, or its delegate's
  pki::PrivateKey key;
  pki::SignatureScheme scheme = pki::SignatureScheme::kAuto;
  LocallyTrusted locally_trusted = LocallyTrusted::kNo;
  DataOrigin origin = DataOrigin::kWatchedSource;
  store::IssuerId store_id{};
  IssuerPolicy policy;
};

/// What decides about an answer besides the records.
struct Terms {
  IssuerPolicy policy;
  DataOrigin origin = DataOrigin::kWatchedSource;
  /// Answers are signed only inside these bounds of signer and CA, and end no later.
  UnixSeconds not_before, not_after;
};

/// An issuer that passed every check.
struct Issuer {
  std::string label;
  std::vector<pki::Certificate> certificates;
  pki::Certificate signer;
  pki::Authority authority;
  pki::Signer signing;                          ///< prototype: each loop clones it
  store::IssuerId store_id;
  Terms terms;
  /// Issuers with equal numbers have one signer: an answer for one may hold entries of the others (decision 013).
  std::size_t signer_group = 0;
};

enum class SetupErrc : std::uint8_t {
  kNoIssuer, kDuplicateIssuer, kBadPolicy, kSignerRefused, kKeyMismatch, kWeakOrUnsupported, kTrialFailed, kExpired
};
struct SetupError {
  SetupErrc code;
  std::string detail;  ///< which issuer, why, what to do
};

/// What the loops share. Threads: immutable, any.
class Setup {
 public:
  /// Judges every issuer at `now`: signer certified by the issuer's key with id-kp-OCSPSigning and valid, private key fits,
  /// a trial signature verifies, policy holds together. Appends to `warnings` what an operator should know (no id-pkix-ocsp-nocheck,
  /// soon to expire...). Errors: see SetupErrc.
  static Result<std::shared_ptr<const Setup>, SetupError> make(std::vector<IssuerSpec> specs, const Policy& policy,
                                                               UnixSeconds now, std::vector<std::string>& warnings);
  [[nodiscard]] const Policy& policy() const { return policy_; }
  [[nodiscard]] const std::vector<Issuer>& issuers() const { return issuers_; }
  [[nodiscard]] const IssuerIndex& index() const { return index_; }

 private:
  explicit Setup(const Policy& policy) : policy_(policy) {}
  Policy policy_;
  std::vector<Issuer> issuers_;
  IssuerIndex index_;
};

/// Certificates of `all` with the name and key of the first.
std::vector<pki::Certificate> same_issuer(const std::vector<pki::Certificate>& all);

}  // namespace muster::responder
