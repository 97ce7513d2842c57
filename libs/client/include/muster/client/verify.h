#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "muster/client/subject.h"
#include "muster/pki/authority.h"

// From received octets to a response that may be believed. Trust is a type: only verify() makes a
// VerifiedResponse.
namespace muster::client {

/// Why a response is not acceptable. Stable: persistent in JSON and docs; to_string gives the
/// kebab-case code
/// ("bad-signature") that `muster explain` knows.
enum class VerifyErrc : std::uint8_t {
  kMalformed,        ///< does not parse; see detail for code, field and offset
  kResponseStatus,   ///< tryLater, unauthorized...: an unsigned error answer, see response_status
  kUnsupportedType,  ///< successful, but not the basic type
  kSignerNotFound,   ///< no certificate fits the responder id
  kBadSignature,
  kWeakSignature,
  kUnsupportedSignature,
  kSignerUnauthorised,         ///< see authority
  kSignerRevoked,              ///< the delegate itself was found revoked
  kCriticalExtension,          ///< unrecognised and critical (OCSP-CLI-025)
  kNoMatch,                    ///< no entry for the certificate asked about (OCSP-CLI-001)
  kNonceMismatch,              ///< sent one, got another (OCSP-CLI-042)
  kNonceMissing,               ///< sent one, got none, and policy requires it
  kNotYetValid,                ///< thisUpdate beyond the permitted skew (OCSP-CLI-012)
  kExpired,                    ///< nextUpdate passed (OCSP-CLI-014)
  kTooOld,                     ///< thisUpdate older than the maximum age (OCSP-CLI-013)
  kNoNextUpdate,               ///< absent and policy demands it (OCSP-CLI-015)
  kInvalidInterval,            ///< nextUpdate before thisUpdate
  kProducedBeforeCertificate,  ///< signed before the certificate's notBefore (decision 014)
};
std::string_view to_string(VerifyErrc code);

/// What an authentic entry for our certificate says that time (or policy on time) keeps from being
/// relied upon: for messages and for the finding "expired-but-revoked" (decision 017). Never
/// evidence.
struct StaleClaim {
  ocsp::CertStatus status;
  UnixSeconds this_update;
  std::optional<UnixSeconds> next_update;
};

struct VerifyError {
  VerifyErrc code;
  std::string detail;                                   ///< one sentence for people
  std::optional<ocsp::ResponseStatus> response_status;  ///< for kResponseStatus
  std::optional<pki::AuthorityErrc> authority;          ///< for kSignerUnauthorised
  std::optional<StaleClaim>
      claim;  ///< for the codes about time: signature, signer and CertID were good
};

enum class NextUpdatePolicy : std::uint8_t { kOptional, kRequired };
enum class NonceNeed : std::uint8_t { kIfPresent, kRequired };

/// What the verifier demands. Defaults: requirements README section 8.
struct VerifyPolicy {
  Seconds future_skew{300};        ///< tolerance for thisUpdate ahead of now
  Seconds expiry_tolerance{0};     ///< tolerance after nextUpdate
  std::optional<Seconds> max_age;  ///< oldest acceptable thisUpdate
  NextUpdatePolicy next_update = NextUpdatePolicy::kOptional;
  Seconds max_age_without_next_update{86400};
  NonceNeed nonce = NonceNeed::kIfPresent;
  pki::AlgorithmPolicy algorithms;
  std::vector<pki::Certificate> trusted_responders;  ///< locally trusted for the issuer in question
  ocsp::Limits limits;
};

/// Freshness of verified status information at an instant (users.md 5.2).
enum class Freshness : std::uint8_t {
  kFresh,
  kDue,
  kLate,
  kCritical,
  kExpired,
  kNotYetValid,
  kNoNextUpdate
};
std::string_view to_string(Freshness state);
/// \param future_skew  how far thisUpdate may lie ahead before the state is kNotYetValid.
Freshness classify_freshness(UnixSeconds this_update, std::optional<UnixSeconds> next_update,
                             UnixSeconds now, Seconds future_skew = Seconds{300});
/// Share of the interval [thisUpdate, nextUpdate) that is left at `now`, 0..1. Nothing without
/// nextUpdate.
std::optional<double> share_left(UnixSeconds this_update, std::optional<UnixSeconds> next_update,
                                 UnixSeconds now);

/// A response whose signature, signer authority, CertID and times were found good for one
/// subject. Owns its data; copies share it. Threads: any, concurrently. Only verify() makes
/// one. "Revoked" and "unknown" are statuses, not errors.
class VerifiedResponse {
 public:
  [[nodiscard]] Bytes der() const;  ///< octets exactly as received
  [[nodiscard]] const ocsp::CertStatus& status() const;
  [[nodiscard]] UnixSeconds this_update() const;
  [[nodiscard]] std::optional<UnixSeconds> next_update() const;
  [[nodiscard]] UnixSeconds produced_at() const;
  [[nodiscard]] pki::Authority authority() const;
  [[nodiscard]] const pki::Certificate& signer() const;
  [[nodiscard]] const Subject& subject() const;  ///< what was asked about
  [[nodiscard]] bool nonce_matched() const;
  /// How many entries named the certificate; above 1 decision 015 chose among them.
  [[nodiscard]] std::size_t matching_entries() const;
  /// Whether the signer is a delegate whose own revocation is not waived by id-pkix-ocsp-nocheck
  /// (OCSP-CLI-011).
  [[nodiscard]] bool signer_needs_revocation_check() const;
  [[nodiscard]] const std::string& signature_algorithm() const;  ///< for people
  [[nodiscard]] std::optional<UnixSeconds> archive_cutoff() const;
  /// Instant after which it must not be relied on or stapled: min(nextUpdate, signer notAfter,
  /// certificate notAfter where there is a certificate), and thisUpdate +
  /// max_age_without_next_update when nextUpdate is absent.
  [[nodiscard]] UnixSeconds effective_expiry() const;

  struct Data;

 private:
  friend struct VerifierAccess;
  explicit VerifiedResponse(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

/// What the verifier is asked. Precondition for a meaningful "good": `issuer` is trusted and its
/// key signed the certificate (see subject.h; RFC 9919 section 4.2); whoever does not know it yet
/// asks pki::verify_issued_by first.
struct VerifyInput {
  Bytes response;
  Subject subject;
  const pki::Certificate& issuer;
  std::optional<Bytes> nonce_sent;  ///< octets of the nonce, without wrapping
  std::span<const pki::Certificate>
      extra_certificates;  ///< where else a signer may be found (OCSP-CLI-047)
};
/// Parses, verifies signature before believing any status, binds authority to the issuer's key,
/// matches the CertID, judges times at `now`. If several entries match, the most severe current one
/// wins (decision 015); nextUpdate == now is expired (decision 014). The first rule that fails
/// names the error; rules run in this order: parse, response status, response type, signer found by
/// responder id (among certs, issuer, extra, locally trusted), authority, signature, critical
/// extensions, CertID, nonce, times. So a later code implies that all earlier rules held. Source:
/// RFC 6960 section 3.2, RFC 9919 section 5.   Threads: pure, any thread.
Result<VerifiedResponse, VerifyError> verify(const VerifyInput& input, const VerifyPolicy& policy,
                                             UnixSeconds now);

}  // namespace muster::client
