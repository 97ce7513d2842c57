#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/ocsp/ocsp.h"

// A response read as far as it can be: what strict readers refuse, and the tolerances they have, is
// noted, and reading goes on.
namespace muster::lint {

enum class Flaw : std::uint8_t {
  kShape,          ///< another element than the module has
  kDer,            ///< lengths that are not minimal, BOOLEANs other than FF
  kTrailing,       ///< octets behind the response
  kStatus,         ///< a responseStatus nobody defined
  kBody,           ///< a body beside an error, or none beside success
  kType,           ///< not the basic type
  kVersion,        ///< written although v1, or not v1
  kEmptyList,      ///< certs or extensions present and empty
  kDuplicate,      ///< an extension twice in one list
  kTime,           ///< a GeneralizedTime of another form than YYYYMMDDHHMMSSZ
  kResponderId,    ///< neither byName nor byKey with 20 octets
  kCriticalFalse,  ///< critical FALSE written out
  kSignatureBits,  ///< the signature does not end at an octet
  kCertStatus,     ///< good or unknown tagged or filled otherwise than 80 00, 82 00
  kReason,         ///< a reason code nobody defined
  kCertId,         ///< a CertID that does not parse
};
inline constexpr std::size_t kFlaws = 16;

struct LooseExtension {
  Bytes oid;
  bool critical = false;
  Bytes value;
};
struct LooseEntry {
  enum class Status : std::uint8_t { kGood, kRevoked, kUnknown, kOther };
  std::optional<ocsp::CertIdView> cert_id;
  Status status = Status::kOther;
  std::optional<UnixSeconds> revoked_at;
  std::optional<std::uint64_t> reason;  ///< any number
  std::optional<UnixSeconds> this_update, next_update;
  bool has_next_update = false;
  std::vector<LooseExtension> extensions;
};
/// Views of the octets given.
struct LooseResponse {
  std::optional<std::uint64_t> status;
  bool has_basic = false;  ///< the fields below were reached
  std::optional<Bytes> by_key, by_name;
  std::optional<UnixSeconds> produced_at;
  std::vector<LooseEntry> entries;
  std::vector<LooseExtension> extensions;
  std::optional<der::AlgorithmView> signature_algorithm;
  std::vector<Bytes> certificates;

  struct Note {
    Flaw flaw;
    std::string detail;
  };
  std::vector<Note> notes;
  [[nodiscard]] const Note* find(Flaw flaw) const;
  [[nodiscard]] bool is_successful() const { return status == 0U && has_basic; }
};
/// Bounded as the parser is: at most ocsp::Limits' octets are looked at.
LooseResponse read_loosely(Bytes octets);

const LooseExtension* find_extension(const std::vector<LooseExtension>& list, Bytes oid);

}  // namespace muster::lint
