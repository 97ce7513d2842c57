#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "muster/client/live.h"
#include "muster/client/policy.h"
#include "muster/client/subject.h"

// From evidence to one verdict with reasons. Pure: who gathers is in gather.h.
namespace muster::client {

/// How a piece of evidence came to us. Persistent words in JSON.
enum class Channel : std::uint8_t {
  kStapled,  ///< sent in the TLS handshake
  kLive,     ///< asked now
  kSaved,    ///< an OCSP response from a file
  kCrl,
};
std::string_view to_string(Channel channel);

/// Why a channel brought nothing without having failed. "Absent" is never "good".
enum class Silence : std::uint8_t {
  kNoStaple,            ///< asked for, and the server sent none
  kNotNamed,            ///< the certificate names no such source
  kPrivacy,             ///< a public responder, and --online was not given
  kCertificateExpired,  ///< not asked by default (OCSP-CLI-051)
  kNoIssuer,            ///< without the issuer nothing can be asked or verified (OCSP-CLI-050)
  kNotNeeded,           ///< noRevAvail or short-lived (OCSP-CLI-062, -064)
  kUntrusted,           ///< no path to a trusted root: nobody is asked about it (OCSP-CLI-050)
};
std::string_view to_string(Silence silence);

/// What a verified CRL says about the subject.
struct CrlAnswer {
  ocsp::CertStatus status;
  UnixSeconds this_update;
  std::optional<UnixSeconds> next_update;
  std::optional<std::string> number{};  ///< hexadecimal; the delta's if one was applied
  bool with_delta = false;
  /// When the copy was fetched that counted because its place did not answer.
  std::optional<UnixSeconds> kept_since{};
  /// CRLs that the user gave, no older than the one that counted, and why each could not: name and
  /// problem, for people. Bounded.
  std::vector<std::string> passed_over{};
};
/// A CRL that could not be had (kTransport) or not be believed (kUnacceptable).
struct CrlFailure {
  LiveErrc code;
  std::string_view reason;  ///< stable code; a literal
  std::string detail;
  /// Too old to be evidence, but otherwise acceptable, and it lists the certificate: for the
  /// finding "expired-but-revoked" (decision 017).
  bool says_revoked = false;
};

struct Evidence {
  Channel channel;
  std::string source;  ///< URL, file, or "handshake"
  std::variant<Silence, LiveFailure, VerifiedResponse, CrlFailure, CrlAnswer> content;
  std::vector<LiveAttempt> attempts{};
  bool nonce_sent = false;
  bool signer_checked = false;  ///< a delegate without noCheck was found good on a CRL
  /// For OCSP answers: when the copy was fetched that counted in place of asking, or beside a
  /// responder that told nothing.
  std::optional<UnixSeconds> kept_since{};
};

/// The separate facts about one piece of evidence (rules run in this order; see verify.h).
enum class Fact : std::uint8_t { kNotReached, kHolds, kFails };
std::string_view to_string(Fact fact);
struct Facts {
  Fact transport = Fact::kNotReached;
  Fact parse = Fact::kNotReached;
  Fact response_status = Fact::kNotReached;
  Fact authority = Fact::kNotReached;
  Fact signature = Fact::kNotReached;
  Fact certid_match = Fact::kNotReached;
  Fact nonce = Fact::kNotReached;  ///< kNotReached also when none was sent or came back
  Fact times = Fact::kNotReached;
  std::optional<ocsp::CertStatus> cert_status;  ///< only of what verified
};
Facts facts_of(const Evidence& evidence);

/// In order of severity: the last is the worst; of several targets the worst decides the exit code.
enum class Outcome : std::uint8_t {
  kGood,
  kNotNeeded,  ///< nothing to check, by the certificate's own design
  kWarning,    ///< good, but see the findings
  kUndetermined,
  kUnreadable,  ///< the target is not something that can be checked (file, handshake input)
  kUnknown,
  kUnacceptable,
  kRevoked,
};
std::string_view to_string(Outcome outcome);
/// 0 good (and not needed), 1 revoked, 2 unknown, 3 undetermined, 4 unacceptable answer, 5 good
/// with a warning, 66 unreadable.
int exit_code(Outcome outcome);

enum class FindingLevel : std::uint8_t { kNote, kWarning, kError };
std::string_view to_string(FindingLevel level);

/// One thing to know. `code` is stable and has an entry in find_reason().
struct Finding {
  std::string_view code;
  FindingLevel level;
  std::optional<Channel> channel;
  std::string detail;  ///< this case: which, when
};
/// For every code that judge() can give, and for targets of which nothing could be examined: what
/// it means, why it matters and what to do, a sentence or two each; causes: likely ones, parted by
/// "; ".
struct Reason {
  std::string_view code, what, why, fix, causes{};
};
const Reason* find_reason(std::string_view code);
std::span<const Reason> all_reasons();

enum class MustStaple : std::uint8_t { kNotDemanded, kMet, kUnmet, kNotExamined };
std::string_view to_string(MustStaple state);

/// What is known about the way from the certificate to something trusted.
enum class ChainState : std::uint8_t {
  kNotExamined,  ///< no roots were given; the issuer's signature on the certificate was verified
  kTrusted,      ///< a path to a given root was found
  kUntrusted,    ///< none was
};
std::string_view to_string(ChainState state);

/// What the certificate is in its target: that which the question is about, or one that issued.
enum class Role : std::uint8_t { kSubject, kIssuer };
std::string_view to_string(Role role);  ///< "subject", "issuer"

/// All that judge() looks at.
struct Case {
  explicit Case(Subject asked) : subject(std::move(asked)) {}
  Subject subject;
  Role role = Role::kSubject;
  Policy policy = default_policy();
  std::optional<pki::Certificate> issuer;
  /// Without an issuer: who issued the certificate, and whose certificates were at hand instead.
  std::string issuer_detail{};
  ChainState chain = ChainState::kNotExamined;
  /// From the issuer upwards as far as it could be shown; ends with the anchor when trusted.
  std::vector<pki::Certificate> path{};
  std::string chain_detail{};
  std::optional<pki::Certificate> lacks_feature{};  ///< see find_missing_feature
  std::string not_named{};  ///< the host that was asked for, when the certificate does not name it
  /// Whether this is a server's certificate and we offered status_request in its handshake: only
  /// then must-staple binds.
  bool staple_offered = false;
  std::vector<Evidence> evidence{};
};

struct Verdict {
  Outcome outcome = Outcome::kUndetermined;
  std::optional<RevocationNeed> need;  ///< nothing: there was no certificate to examine
  MustStaple must_staple = MustStaple::kNotDemanded;
  std::optional<ocsp::CertStatus> status;  ///< what was verified; nothing: nobody told
  std::vector<Finding> findings;           ///< errors first
};

/// By the case's policy (decisions 015 and 043 have the tables): revoked from any verified source
/// wins; then an answer that was received but cannot be accepted; then good, unknown, nothing. Good
/// is never more than "not revoked": an expired or untrusted certificate is not good
/// (OCSP-CLI-019).   Threads: pure, any thread.
Verdict judge(const Case& what, UnixSeconds now);

}  // namespace muster::client
