#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "muster/base/ip.h"
#include "muster/base/result.h"
#include "muster/base/time.h"
#include "muster/der/pkix.h"
#include "muster/store/statement.h"

// What an operator decides. Pure values and the rules that bind them; nothing here reads a file or
// a clock.
namespace muster::responder {

/// Whose rules an issuer follows. Each is a row of values in profiles.cc (decision 021), not a
/// branch in the code.
enum class Profile : std::uint8_t {
  kRfc6960,  ///< live, general
  kRfc9919,  ///< lightweight: pre-produced answers, no nonces, unauthorized for what has no record
  kCabf,     ///< CA/Browser Forum Baseline Requirements, Mozilla
  kMicrosoft,  ///< the same under the Microsoft root program's shorter limits
  kEtsi,       ///< EN 319 411: qualified certificates
  kFpki,       ///< US federal PKI: static answers, SHA-1 CertIDs
  kOcpp,       ///< charging stations: answers of bounded size
};

/// Answer for a serial that a source listing all it issued does not know (decision 011). Never
/// good.
enum class UnissuedAnswer : std::uint8_t {
  kUnknown,       ///< signed answer, status unknown
  kUnauthorized,  ///< unsigned refusal
  kRevoked,       ///< revoked since 1970, certificateHold, extended-revoked (RFC 6960 section 2.2)
};
/// Answer for a serial that a source listing revocations alone does not name. No default: only the
/// operator can know whether everything unlisted was issued (decision 011).
enum class UnlistedAnswer : std::uint8_t { kGood, kUnknown, kUnauthorized };

/// Which nonces come back (decisions 010, 023). 0 and more than 128 octets are malformed under
/// every policy.
enum class NoncePolicy : std::uint8_t {
  kEcho,          ///< every nonce of 1..128 octets
  kEchoStandard,  ///< 16..32 octets; others are answered without (RFC 9654 section 2.1)
  kRfc8954,       ///< 1..32 octets; longer ones are malformed (RFC 8954 section 2.1)
  kIgnore,        ///< none: every answer may be a remembered one
  kRequire,       ///< as kEcho, and requests without a nonce are refused (unauthorized)
};
enum class ResponderIdForm : std::uint8_t { kByKey, kByName };
enum class Sha1CertIds : std::uint8_t { kAnswered, kRefused };
enum class NextUpdate : std::uint8_t {
  kStated,
  kOmitted,  ///< "newer information is always available": no freshness headers either (RFC 6960
             ///< section 4.2.2.1)
  kLast,  ///< 99991231235959Z, for the last answers of a CA that ends (EN 319 411-2 CSS-6.3.10-11)
};
using HoldForm = store::HoldForm;
enum class ArchiveCutoff : std::uint8_t {
  kNone,
  kRetention,  ///< producedAt less `retain_expired`, where that is set (RFC 6960 section 4.4.4)
  kIssuer,     ///< notBefore of the issuing CA (EN 319 411-2 CSS-6.3.10-10)
};
enum class Shown : std::uint8_t { kNo, kYes };
/// What the issuer's certificates are: rules for subordinate CAs differ.
enum class Certifies : std::uint8_t { kSubscribers, kCas };
/// Signatures on requests (RFC 6960 section 4.1.2).
enum class RequestSignatures : std::uint8_t {
  kIgnored,
  kVerified,  ///< a bad one is refused; unsigned requests are answered
  kRequired,  ///< unsigned requests are answered sigRequired
};
/// A set of hash algorithms: bit i stands for HashAlgorithm(i).
using HashSet = std::uint8_t;
inline constexpr HashSet kAllHashes = 0x0f;
constexpr HashSet hash_set(HashAlgorithm hash) {
  return static_cast<HashSet>(1U << static_cast<unsigned>(hash));
}

/// What a profile decides unless the operator does. Plain values.
struct AnswerRules {
  UnissuedAnswer unissued = UnissuedAnswer::kUnknown;
  /// From thisUpdate to nextUpdate, both ends counted: 7 days put 604,799 seconds between the
  /// fields.
  Seconds validity{7 * 86400};
  /// A remembered answer is signed anew at this age; nothing: half of `validity`.
  std::optional<Seconds> refresh{};
  /// Caches are told no more than this; nothing: until the answer is due to be signed anew.
  std::optional<Seconds> max_age{};
  NextUpdate next_update = NextUpdate::kStated;
  NoncePolicy nonce = NoncePolicy::kEcho;
  ResponderIdForm responder_id = ResponderIdForm::kByKey;
  Shown reasons = Shown::kYes;  ///< in RevokedInfo; never in singleExtensions
  HoldForm hold = HoldForm::kHold;
  Shown invalidity_date = Shown::kNo;  ///< copied into singleExtensions
  Shown crl_reference = Shown::kNo;  ///< number and time of the CRL behind the answer (and crl_url)
  Shown extended_revoked = Shown::kNo;  ///< the marker on every answer, not only where it must be
  ArchiveCutoff archive_cutoff = ArchiveCutoff::kRetention;
  HashSet cert_id_hashes = kAllHashes;  ///< others are refused (unauthorized)
  std::size_t max_response_bytes = 0;   ///< larger ones are refused; zero: no limit
  /// Whether nextUpdate may lie behind the end of the signer's and the CA's certificates.
  Shown beyond_signer = Shown::kNo;
  friend bool operator==(const AnswerRules&, const AnswerRules&) = default;
};

/// One issuer's rules: the profile's, as changed, and what only the operator can say.
struct IssuerPolicy : AnswerRules {
  Profile profile = Profile::kRfc6960;
  std::optional<UnlistedAnswer> unlisted{};
  Certifies certifies = Certifies::kSubscribers;
  /// Reason for revocations recorded without one, or with one the profile does not permit.
  std::optional<ReasonCode> default_reason{};
  /// The CA's key is lost: every certificate of it is revoked (cACompromise) since then (RFC 6960
  /// section 2.7).
  std::optional<UnixSeconds> compromised_at{};
  /// Certificates that expired longer ago are answered unauthorized, as if they had no record;
  /// nothing: all are kept.
  std::optional<Seconds> retain_expired{};
  std::string crl_url{};
  /// CertIDs of these hashes, with NULL parameters, are signed before anybody asks.
  HashSet presign = 0;
  /// The first rule that names the client's network decides about its nonce; `nonce` is for all
  /// others.
  struct NonceRule {
    std::vector<IpNetwork> clients;
    NoncePolicy nonce = NoncePolicy::kEcho;
    friend bool operator==(const NonceRule&, const NonceRule&) = default;
  };
  std::vector<NonceRule> nonce_by_client{};
  /// Who may ask; empty: everybody.
  std::vector<IpNetwork> clients{};
  RequestSignatures request_signatures = RequestSignatures::kIgnored;
  /// Of those with a valid signature, who may ask: subjects, or "sha256:" and the certificate's
  /// fingerprint. Empty: all of them.
  std::vector<std::string> requestors{};
  /// Questions about serials never issued that are expected: counted apart, not logged.
  std::vector<Buffer> monitor_serials{};  ///< first octets of the serial
  std::vector<IpNetwork> monitor_clients{};
  friend bool operator==(const IssuerPolicy&, const IssuerPolicy&) = default;
};

enum class Permitted : std::uint8_t { kNo, kYes };
/// What a profile forbids the operator to change. Broken ones are configuration errors that cite
/// `source`.
struct ProfileLimits {
  Seconds shortest{60};
  Seconds longest{366 * 86400};
  Seconds longest_for_cas{366 * 86400};  ///< where the certificates are CAs'
  /// An answer is replaced at half of its validity at the latest...
  Permitted beyond_half_life = Permitted::kYes;
  /// ... this long before its end if it holds for `long_validity`, and at this age at the latest.
  Seconds before_end{0};
  Seconds long_validity{16 * 3600};
  Seconds latest_refresh{366 * 86400};
  Permitted good_for_unlisted = Permitted::kYes;
  Permitted revoked_for_unissued = Permitted::kYes;  ///< it uses certificateHold
  Permitted hold = Permitted::kYes;
  Permitted omitted_next_update = Permitted::kYes;
  Permitted beyond_signer = Permitted::kYes;
  Permitted nonces = Permitted::kYes;
  Permitted long_nonces = Permitted::kYes;     ///< answers that repeat more than 32 octets
  Permitted reasonless_cas = Permitted::kYes;  ///< revoked CA certificates without a reason
  Permitted any_signer = Permitted::kYes;      ///< signer certificates that break CA/B BR 7.1.2.8
  Permitted responder_by_name = Permitted::kYes;
  Permitted signed_without_record = Permitted::kYes;  ///< a status for what has no record
  std::size_t max_response_bytes = 0;  ///< answers may be no longer; zero: as the operator likes
};

struct ProfileRow {
  Profile profile;
  std::string_view name;    ///< as in the configuration
  std::string_view source;  ///< who says so
  AnswerRules rules;
  ProfileLimits limits;
};
/// Every profile, in the order of the enumerators.
std::span<const ProfileRow> profiles();
const ProfileRow& row_of(Profile profile);
/// The profile's rules, nothing changed.
IssuerPolicy policy_of(Profile profile);

/// What becomes of a request with a nonce while no more may be signed.
enum class NonceOverload : std::uint8_t {
  kTryLater,
  /// A remembered answer, where there is one (RFC 9654 section 2.1 leaves the nonce to the
  /// responder); not where nonces are required.
  kWithoutNonce,
};

/// Rules of the whole responder.
struct Policy {
  Sha1CertIds sha1 = Sha1CertIds::kAnswered;
  std::size_t max_certificates = 32;  ///< in one request; more is malformed
  std::size_t ready_answers = 32768;  ///< remembered per loop
  NonceOverload nonce_overload = NonceOverload::kTryLater;
  /// Nothing is signed while the clock may be wrong by more than this, or is not synchronised at
  /// all (RFC 9919 section 5).
  std::optional<Milliseconds> max_clock_error{};
  std::size_t signatures_per_second = 0;  ///< per loop, beyond it tryLater; zero: no limit
  /// Signatures tried for signed requests per loop and second (three for most), beyond it tryLater;
  /// zero: no limit.
  std::size_t request_checks_per_second = 500;
  /// Requests per loop and second, beyond them tryLater without a look at the request; zero: no
  /// limit. A source is an IPv4 address or an IPv6 /64.
  std::size_t requests_per_second = 0;
  std::size_t requests_per_source = 0;
  std::vector<IpNetwork> unlimited_clients{};  ///< whom requests_per_source does not bind
  friend bool operator==(const Policy&, const Policy&) = default;
};

struct PolicyError {
  std::string detail;  ///< which rule, why, what to do
};
/// Whether the rules can hold together and the profile's limits are kept.
Result<Unit, PolicyError> check_policy(const IssuerPolicy& policy);

/// What is told of the issuer's records, here and on its CRLs.
store::StatementRules statement_rules(const IssuerPolicy& policy);
/// Age at which an answer is signed anew, within the profile's limits.
Seconds refresh_age(const IssuerPolicy& policy);
/// What applies to the nonce of a client.
NoncePolicy nonce_policy(const IssuerPolicy& policy, const IpAddress& client);
/// Whether every client's unsigned request without nonce is answered, so that who asks need not be
/// looked at.
bool is_open(const IssuerPolicy& policy);

}  // namespace muster::responder
