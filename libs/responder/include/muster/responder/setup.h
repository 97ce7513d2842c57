#pragma once

#include <memory>
#include <string>
#include <vector>

#include "muster/responder/issued.h"
#include "muster/responder/issuer_index.h"
#include "muster/responder/policy.h"
#include "muster/responder/route.h"
#include "muster/responder/signer.h"
#include "muster/store/store.h"

// Everything a responder must know before the first request, checked when it is loaded: issuers,
// who signs for them, rules. Immutable afterwards; a reload makes another one.
namespace muster::responder {

/// What stands behind the records of an issuer, and with it what thisUpdate means.
enum class DataOrigin : std::uint8_t {
  kWatchedSource,  ///< index.txt or a CRL: right when it was last read
  kStoreItself,    ///< the store is written directly: right at this moment
};
/// What becomes of a signer that fails its checks while another one passes them. One that has ended
/// is left out anyway.
enum class FaultySigners : std::uint8_t {
  kRefused,  ///< the setup is: what is in force stays
  kLeftOut,  ///< with a warning: nothing is in force yet
};
/// One issuer as parsed from files: input of Setup::make.
struct IssuerSpec {
  std::string label;  ///< for people
  /// First: the issuer. Others with its name and key (renewed, cross-signed) are the same issuer.
  std::vector<pki::Certificate> certificates;
  std::vector<SignerSpec> signers;  ///< in order of preference; 1 to kMaxSigners
  DataOrigin origin = DataOrigin::kWatchedSource;
  store::IssuerId store_id{};
  IssuerPolicy policy;
  Buffer crl_algorithm{};  ///< AlgorithmIdentifier the issuer signs CRLs with; empty: not known
  std::vector<pki::Certificate> requestor_anchors{};   ///< who vouches for signers of requests
  std::shared_ptr<const IssuedCertificates> issued{};  ///< for CertHash; null: none given
  std::size_t missing_signers = 0;  ///< left out because their keys do not answer now
  FaultySigners faulty_signers = FaultySigners::kRefused;
};

/// What decides about an answer besides the records and the signer.
struct Terms {
  IssuerPolicy policy;
  DataOrigin origin = DataOrigin::kWatchedSource;
  friend bool operator==(const Terms&, const Terms&) = default;
};

/// An issuer that passed every check.
struct Issuer {
  std::string label;
  std::vector<pki::Certificate> certificates;
  std::vector<IssuerSigner> signers;
  store::IssuerId store_id;
  Terms terms;
  Buffer crl_algorithm;
  std::vector<pki::Certificate> requestor_anchors;
  std::shared_ptr<const IssuedCertificates> issued;
  /// Whether everybody's plain requests are answered, so that who asks need not be looked at.
  bool open = true;
  /// When the last of its signers ends; afterwards every request is answered tryLater.
  [[nodiscard]] UnixSeconds signs_until() const;
};

enum class SetupErrc : std::uint8_t {
  kNoIssuer,
  kDuplicateIssuer,
  kBadPolicy,
  kSignerRefused,
  kKeyMismatch,
  kWeakOrUnsupported,
  kTrialFailed,
  kExpired,
  kKeyUnavailable,  ///< the token that holds the key does not answer now
};
struct SetupError {
  SetupErrc code;
  std::string detail;  ///< which issuer, why, what to do
};

/// What the loops share. Threads: immutable, any.
class Setup {
 public:
  /// Judges every issuer at `now`: each signer certified by the issuer's key with id-kp-OCSPSigning
  /// and valid, private keys fit, trial signatures verify, policy holds together. Of several
  /// signers one that ended is left out, with a warning; one that is faulty, as the spec says.
  /// Appends to `warnings` what an operator should know (no id-pkix-ocsp-nocheck, soon to
  /// expire...). Errors: see SetupErrc. `in_force`: what the new one replaces; its
  /// number() is kept when every answer would be made just so.
  static Result<std::shared_ptr<const Setup>, SetupError> make(std::vector<IssuerSpec> specs,
                                                               const Policy& policy,
                                                               UnixSeconds now,
                                                               std::vector<std::string>& warnings,
                                                               std::vector<Route> routes = {},
                                                               const Setup* in_force = nullptr);
  /// Issuers and their rules alone, for who signs nothing: none has a signer, so no Answerer can be
  /// made with it, and Issuer::signs_until() has no meaning.
  static Result<std::shared_ptr<const Setup>, SetupError> make_without_signers(
      std::vector<IssuerSpec> specs, const Policy& policy, UnixSeconds now,
      std::vector<std::string>& warnings);
  [[nodiscard]] const Policy& policy() const { return policy_; }
  [[nodiscard]] const std::vector<Issuer>& issuers() const { return issuers_; }
  [[nodiscard]] const IssuerIndex& index() const { return index_; }
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }
  /// What was remembered under another number has to be looked at again. Each one made in this
  /// process has its own, unless it replaces one that is alike.
  [[nodiscard]] std::uint64_t number() const { return number_; }
  /// Finds a route by the CA it is for.
  [[nodiscard]] const IssuerIndex& route_index() const { return route_index_; }

 private:
  explicit Setup(const Policy& policy);
  enum class Signs : std::uint8_t { kNo, kYes };
  static Result<std::shared_ptr<Setup>, SetupError> make_issuers(
      std::vector<IssuerSpec> specs, const Policy& policy, Signs signs, UnixSeconds now,
      std::vector<std::string>& warnings);
  std::size_t number_of(const IssuerSigner& signer);
  Result<Unit, SetupError> take_routes(std::vector<Route> routes);

  Policy policy_;
  std::uint64_t number_;
  std::vector<Issuer> issuers_;
  std::size_t signers_ = 0;  ///< numbers given
  IssuerIndex index_;
  std::vector<Route> routes_;
  IssuerIndex route_index_;
};

/// Whether answers are made under both by the same rules: the same issuers with the same signers,
/// at the same positions. What only tells where requests are sent on to (routes) does not count.
bool answers_alike(const Setup& a, const Setup& b);

/// Certificates of `all` with the name and key of the first.
std::vector<pki::Certificate> same_issuer(const std::vector<pki::Certificate>& all);

}  // namespace muster::responder
