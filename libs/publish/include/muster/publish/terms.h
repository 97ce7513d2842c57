#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "muster/base/result.h"
#include "muster/base/time.h"

// What an operator decides about publication, and the rules that bind it. Pure (decision 035).
namespace muster::publish {

enum class PublishErrc : std::uint8_t {
  kTerms,      ///< the options contradict each other or the profile
  kSigner,     ///< the CRL signer may not or cannot sign
  kSource,     ///< nothing is known of the issuer, or what is known is too old to be signed again
  kForbidden,  ///< a record that the profile does not allow on a CRL
  kUncovered,  ///< a certificate that no partition covers
  kTooLarge,
  kTooEarly,   ///< a last CRL while certificates still stand
  kEnded,      ///< the last CRL was published
  kClock,      ///< the clock stands before the CRL published last
  kNumbers,    ///< CRL numbers are used up
  kState,      ///< the state directory is not ours, or damaged
  kBusy,       ///< another process publishes from the same state
  kSelfCheck,  ///< what was made is not what was meant
  kStore,      ///< the store cannot be read
  kIo,         ///< disk
};
std::string_view to_string(PublishErrc code);
/// Who can mend it: the options, the files and records that were given, or the machine.
enum class PublishFault : std::uint8_t { kUsage, kInput, kSystem };
PublishFault fault_of(PublishErrc code);
struct PublishError {
  PublishErrc code;
  std::string detail;  ///< what, where, what to do
};
template <class T>
using PublishResult = Result<T, PublishError>;

/// Rules of a community, as data. Absent: no rule.
struct Profile {
  std::string_view name;
  std::optional<Seconds> longest_validity{},
      longest_validity_cas{};  ///< nextUpdate minus thisUpdate
  std::optional<Seconds> longest_interval{}, longest_interval_without_ocsp{},
      longest_interval_cas{};
  std::optional<Seconds> longest_reaction{};  ///< from a revocation to the CRL that says so
  bool holds_allowed = true;
  bool indirect_allowed = true;
  bool last_allowed = true;  ///< a last CRL, valid for ever
  std::optional<std::uint64_t> most_bytes_without_ocsp{};
  bool next_publish_without_ocsp = false;
  Seconds usual_interval{86400},
      usual_overlap{6 * 86400};  ///< what an operator gets who says nothing
};
/// "rfc5280", "cabf", "etsi".
std::span<const Profile> profiles();
/// Null when there is none of this name.
const Profile* find_profile(std::string_view name);

/// Whose certificates the CRL is about, for profiles that set other limits for certificates of CAs.
enum class Holders : std::uint8_t { kSubscribers, kCas };

struct Terms {
  const Profile* profile = find_profile("rfc5280");
  Holders holders = Holders::kSubscribers;
  bool ocsp_pointers = true;  ///< every certificate in scope names an OCSP responder
  /// Between two regular complete CRLs. Absent: the profile's.
  std::optional<Seconds> interval;
  /// How long a CRL holds beyond the moment its successor is due. Absent: the profile's.
  std::optional<Seconds> overlap;
  std::optional<Seconds> delta_interval;  ///< absent: no delta CRLs on schedule
  std::optional<Seconds> delta_overlap;   ///< absent: as long as delta_interval
  /// A change in the store is published after this long at the latest, by a delta where there are
  /// deltas. Absent: the next regular CRL says it.
  std::optional<Seconds> reaction;
  /// Entries of certificates that expired since then stay, and the CRL says so (OCSP-CRL-050).
  std::optional<UnixSeconds> keep_expired_since;
  bool next_publish = false;                ///< Microsoft's extension (OCSP-CRL-047)
  std::optional<std::uint64_t> most_bytes;  ///< of one CRL
};
Seconds interval_of(const Terms& terms);
Seconds overlap_of(const Terms& terms);
Seconds delta_overlap_of(const Terms& terms);
bool says_next_publish(const Terms& terms);
std::optional<std::uint64_t> most_bytes_of(const Terms& terms);
/// Longest nextUpdate minus thisUpdate that the profile allows.
std::optional<Seconds> longest_validity_of(const Terms& terms);

/// Whether the terms hold together and keep to the profile. Errors: kTerms.
PublishResult<Unit> check_terms(const Terms& terms);

}  // namespace muster::publish
