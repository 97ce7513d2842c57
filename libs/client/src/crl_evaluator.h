#pragma once

#include <map>

#include "crl_scope.h"
#include "muster/client/crl_check.h"

// The search behind check_crls: one object serves all certificates of a path.
namespace muster::client::internal {

class CrlEvaluator {
 public:
  CrlEvaluator(const CrlEvidence& evidence, UnixSeconds now, const CrlPolicy& policy);

  /// See check_crls. `path` is what the caller vouches for.
  CrlVerdict evaluate(const Subject& subject, std::span<const pki::Certificate> path);

 private:
  struct Candidate {
    std::size_t index;
    const CrlDocument* document;  ///< one that parses
    [[nodiscard]] const crl::CrlView& view() const { return *document->view(); }
  };
  /// What one check accumulates over points and CRLs.
  struct State;
  /// Whether a certificate under examination may sign the CRL that clears it: only when nothing
  /// else does.
  enum class OwnCrl : std::uint8_t { kNotBelieved, kBelieved };

  void take(std::size_t index, const CrlDocument& document);
  CrlVerdict check(const Subject& subject, std::span<const pki::Certificate> path);
  CrlVerdict check_once(const Subject& subject, std::span<const pki::Certificate> path, OwnCrl own);
  void try_point(State& state, const Point& point);
  void try_crl(State& state, const Point& point, const Candidate& complete);
  /// What is not listed counts as covered for `reasons`; out of scope: it does not count at all.
  void look_up(State& state, const Candidate& complete, const Candidate* delta,
               crl::ReasonSet reasons, std::optional<std::string> out_of_scope);

  /// A trusted signer of the CRL. Errors: those of verify_crl, kSignerUntrusted, kSignerRevoked,
  /// kSignerUndetermined, kTooComplex.
  Result<pki::VerifiedCrl, pki::CrlError> find_signer(const Candidate& crl,
                                                      std::span<const pki::Certificate> path,
                                                      OwnCrl own);
  /// Whether a signer that is not in the path leads to the same anchor and stands. Errors:
  /// kSigner...
  Result<Unit, pki::CrlError> check_trust(const pki::Certificate& signer,
                                          std::span<const pki::Certificate> path);
  /// The newest current delta that fits and verifies under `signer`'s key; null when there is none.
  const Candidate* find_delta(State& state, const Candidate& complete,
                              const pki::Certificate& signer);
  [[nodiscard]] bool has_current_delta(const Candidate& complete) const;
  Result<pki::VerifiedCrl, pki::CrlError> verify(const Candidate& crl,
                                                 const pki::Certificate& signer);
  [[nodiscard]] bool is_in_progress(const pki::Certificate& certificate) const;

  const CrlEvidence& evidence_;
  UnixSeconds now_;
  const CrlPolicy& policy_;
  std::vector<std::shared_ptr<const CrlDocument>> own_;  ///< of CRLs given as octets
  std::vector<Candidate> complete_;                      ///< newest first
  std::vector<Candidate> deltas_;                        ///< newest first
  std::vector<CrlRefusal> malformed_;
  std::size_t signature_checks_ = 0;
  /// Certificates whose status is being found out, the one asked about first.
  std::vector<const pki::Certificate*> in_progress_;
  /// By CRL index and signer fingerprint.
  std::map<std::pair<std::size_t, std::array<std::uint8_t, 32>>,
           Result<pki::VerifiedCrl, pki::CrlError>>
      verified_;
};

}  // namespace muster::client::internal
