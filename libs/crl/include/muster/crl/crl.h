#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "muster/crl/defect.h"
#include "muster/crl/distribution_point.h"
#include "muster/der/pkix.h"

// Certificate revocation lists of RFC 5280 section 5. The reader streams: entries are handed out
// one by one and memory does not grow with their number.
namespace muster::crl {

struct Limits {
  std::size_t max_message_bytes = std::size_t{1} << 30;
  std::size_t max_entries = 50'000'000;
};
/// CRL numbers have at most 20 octets (RFC 5280 section 5.2.3, OCSP-CRL-010).
inline constexpr std::size_t kMaxNumberOctets = 20;

/// One revokedCertificates element with its recognised extensions decoded.
///   SEQUENCE { userCertificate CertificateSerialNumber, revocationDate Time, crlEntryExtensions
///   Extensions OPTIONAL }
struct EntryView {
  Bytes serial;                                ///< INTEGER content of at most kMaxSerialOctets
  UnixSeconds revocation_date;                 ///< well-formed; may lie in the future
  std::optional<ReasonCode> reason;            ///< absent also when the extension is defective
  std::optional<UnixSeconds> invalidity_date;  ///< does not replace revocation_date (OCSP-CRL-016)
  std::optional<Bytes>
      certificate_issuer;  ///< Name element, when this entry names one (indirect CRLs)
  bool unknown_critical_extension = false;  ///< OCSP-CRL-008
  der::ExtensionsView extensions;
  bool has_extensions = false;  ///< a list is there, be it empty
  Defects defects;
};

/// Everything of a CRL but its entries. View of the octets given.
struct CrlView {
  Bytes tbs_raw;                           ///< what is signed
  std::uint8_t version = 1;                ///< 1 or 2
  der::AlgorithmView signature_algorithm;  ///< the same inside and outside
  Bytes signature;
  Bytes issuer;                            ///< Name element
  UnixSeconds this_update;                 ///< well-formed; may lie in the future
  std::optional<UnixSeconds> next_update;  ///< may precede this_update
  der::ExtensionsView extensions;
  std::optional<Bytes> crl_number;         ///< INTEGER content, at most 20 octets
  bool is_delta = false;                   ///< a deltaCRLIndicator is there
  std::optional<Bytes> delta_base_number;  ///< its number, unless out of range
  std::optional<IssuingDistributionPoint> issuing_distribution_point;
  std::optional<Bytes> authority_key_id;  ///< keyIdentifier content
  std::vector<DistributionPoint> freshest_crl;
  bool unknown_critical_extension = false;  ///< OCSP-CRL-007; the CRL may be shown but not used
  bool unknown_critical_entry_extension = false;  ///< in any entry
  Defects defects;                                ///< of the CRL and of all its entries
  std::size_t entry_count = 0;
  Bytes entries;  ///< content of revokedCertificates, every element checked
  std::uint32_t entries_offset = 0;

  [[nodiscard]] bool is_indirect() const {
    return issuing_distribution_point && issuing_distribution_point->indirect;
  }
};
/// Parses and checks the whole CRL, entries too, in one pass without allocating per entry.
/// CertificateList ::= SEQUENCE { tbsCertList SEQUENCE { version INTEGER (1) OPTIONAL, signature
/// AlgorithmIdentifier,
///   issuer Name, thisUpdate Time, nextUpdate Time OPTIONAL, revokedCertificates SEQUENCE OF
///   SEQUENCE {...} OPTIONAL, crlExtensions [0] EXPLICIT Extensions OPTIONAL }, signatureAlgorithm
///   AlgorithmIdentifier, signatureValue BIT STRING }
/// Guaranteed: shape, types and known extensions of the CRL. Not guaranteed: signature, times,
/// scope, defects - see pki::verify_crl. Errors: DerError; kInconsistent when inner and outer
/// algorithm differ or extensions come with version 1 (OCSP-CRL-002). Threads: pure.
der::DerResult<CrlView> parse_crl(Bytes der, const Limits& limits = {});
der::DerResult<CrlView> parse_crl(Buffer&&, const Limits& = {}) = delete;

/// The next revokedCertificates element. Defects inside known extensions are noted, not errors.
der::DerResult<EntryView> read_entry(der::Reader& in);

/// What an entry means for whom: the certificate issuer in force (OCSP-CRL-017).
struct AttributedEntry {
  EntryView entry;
  Bytes certificate_issuer;  ///< Name element: the entry's, an earlier entry's, or the CRL issuer's
};
/// Calls `visit` for each entry in order until it returns kStop.
enum class Walk : std::uint8_t { kContinue, kStop };
void for_each_entry(const CrlView& crl, const std::function<Walk(const AttributedEntry&)>& visit);
/// The last entry for this serial under this certificate issuer Name (same_name); linear, without
/// decoding the others unless the CRL is indirect.
std::optional<EntryView> find_entry(const CrlView& crl, Bytes serial, Bytes certificate_issuer);

/// -1, 0, 1: CRL numbers of any size compared as unsigned numbers.
int compare_numbers(Bytes a, Bytes b);

/// Owner to build a CRL from.
struct Entry {
  Serial serial;
  UnixSeconds revocation_date;
  std::optional<ReasonCode> reason;  ///< kUnspecified is omitted (OCSP-CRL-014)
  std::optional<UnixSeconds> invalidity_date;
  std::vector<der::Extension> extensions;  ///< further ones
};
struct Crl {
  Buffer issuer;               ///< Name element
  Buffer signature_algorithm;  ///< AlgorithmIdentifier element
  UnixSeconds this_update;
  std::optional<UnixSeconds> next_update;
  std::vector<Entry> entries;
  std::vector<der::Extension> extensions;
};
/// Canonical version 2 TBSCertList: no revoked list when nothing is revoked (OCSP-CRL-006), dates
/// as UTCTime up to 2049.
Buffer encode_tbs_crl(const Crl& crl);
Buffer encode_crl(Bytes tbs, Bytes signature_algorithm, Bytes signature);

}  // namespace muster::crl
