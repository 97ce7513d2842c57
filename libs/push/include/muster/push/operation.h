#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "muster/store/store.h"

// What a CA may tell us about one certificate, and what comes of it. Pure.
namespace muster::push {

enum class OperationKind : std::uint8_t {
  kIssue,   ///< the certificate exists (or will in a moment) and is good
  kRevoke,  ///< for ever
  kHold,    ///< until unhold or revoke
  kUnhold,
  kForget,  ///< no record any more, as if never issued
};
inline constexpr std::size_t kOperationKinds = 5;
/// "issue".
std::string_view to_string(OperationKind kind);
std::optional<OperationKind> parse_operation_kind(std::string_view word);

/// Whether a revocation may be corrected: its reason, its invalidity date, an earlier time. It
/// stays a revocation.
enum class Amend : std::uint8_t { kNo, kYes };

/// Where an operation's `expires` comes from. An expiry ends a revocation's stay on CRLs and in
/// answers, so a word alone is not enough to give one to a certificate that is revoked.
enum class Proof : std::uint8_t { kWord, kCertificate };

/// What is not given is not compared with what is known, and keeps its value where there is one.
struct Operation {
  OperationKind kind = OperationKind::kIssue;
  Serial serial;
  std::optional<UnixSeconds> expires;  ///< notAfter
  Proof expires_by = Proof::kWord;
  std::optional<UnixSeconds> at;     ///< of revoke and hold; absent: now
  std::optional<ReasonCode> reason;  ///< of revoke
  std::optional<UnixSeconds>
      invalidity_date;  ///< of revoke: since when the key was known or thought to be lost
  Amend amend = Amend::kNo;
};

enum class Verdict : std::uint8_t {
  kChanged,
  kUnchanged,  ///< it is so already: the same request again has the same result
  kConflict,   ///< what is known contradicts it
  kAbsent,     ///< there is no such certificate
};
struct Decision {
  Verdict verdict;
  std::optional<store::Status> status;  ///< from now on; for kConflict: as it is
  std::string why;                      ///< for kConflict and kAbsent: what contradicts, what to do
};

/// How long a revocation is kept behind its certificate's expiry: it must still be on one regular
/// CRL from then on (OCSP-CRL-013), and leave on the next; CRLs about CAs come once a year.
inline constexpr Seconds kKeepRevoked{750LL * 86400};

/// Decides what `operation` does to a certificate whose record is `known`. A definitive revocation
/// is never undone, whoever asks (OCSP-CRL-051), and no record of one is forgotten before its
/// certificate has expired and CRLs have said so (OCSP-RESP-068).
Decision decide(const Operation& operation, const std::optional<store::Status>& known,
                UnixSeconds now, Seconds keep_revoked = kKeepRevoked);

}  // namespace muster::push
