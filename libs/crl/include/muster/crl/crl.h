#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "muster/der/pkix.h"

// Certificate revocation lists of RFC 5280 section 5. The reader streams: entries are handed out one by one and memory
// does not grow with their number.
namespace muster::crl {

struct Limits {
  std::size_t max_message_bytes = std::size_t{1} << 30;
  std::size_t max_entries = 50'000'000;
};

/// Bits of ReasonFlags (IssuingDistributionPoint, DistributionPoint), bit n of the BIT STRING at 1 << n. Bits and codes
/// differ (OCSP-CRL-015).
using ReasonSet = std::uint16_t;
inline constexpr ReasonSet kAllReasons = 0x01fe;  // bits 1..8
/// The bit for a code; nothing for codes without a bit (unspecified, removeFromCRL).
std::optional<ReasonSet> reason_bit(ReasonCode reason);
std::optional<ReasonCode> reason_of_bit(unsigned bit);
der::DerResult<ReasonSet> parse_reason_flags(Bytes bit_string_content, std::uint32_t offset);

/// DistributionPointName ::= CHOICE { fullName [0] GeneralNames, nameRelativeToCRLIssuer [1] RDN }
struct PointName {
  std::vector<Bytes> full_name;        ///< each one GeneralName element
  std::optional<Bytes> relative_name;  ///< RDN content (SET content octets)
};
/// One DistributionPoint of a cRLDistributionPoints or freshestCRL extension (certificate or CRL).
struct DistributionPoint {
  std::optional<PointName> name;
  std::optional<ReasonSet> reasons;
  std::vector<Bytes> crl_issuer;  ///< GeneralName elements
};
/// CRLDistributionPoints ::= SEQUENCE SIZE (1..MAX) OF DistributionPoint. View of `extension_value`.
der::DerResult<std::vector<DistributionPoint>> parse_distribution_points(Bytes extension_value);
/// http(s) and other URIs named by a point, in order.
std::vector<std::string_view> uris(const PointName& name);

/// IssuingDistributionPoint, RFC 5280 section 5.2.5
struct IssuingDistributionPoint {
  std::optional<PointName> name;
  bool only_user_certs = false;
  bool only_ca_certs = false;
  std::optional<ReasonSet> only_some_reasons;
  bool indirect = false;
  bool only_attribute_certs = false;
};
der::DerResult<IssuingDistributionPoint> parse_issuing_distribution_point(Bytes extension_value);

/// One revokedCertificates element with its recognised extensions decoded.
struct EntryView {
  Bytes serial;
  UnixSeconds revocation_date;
  std::optional<ReasonCode> reason;
  std::optional<UnixSeconds> invalidity_date;
  std::optional<Bytes> certificate_issuer;  ///< Name element, when this entry names one (indirect CRLs)
  bool unknown_critical_extension = false;  ///< OCSP-CRL-008
  der::ExtensionsView extensions;
};

/// Everything of a CRL but its entries. View of the octets given.
struct CrlView {
  Bytes tbs_raw;
  std::uint8_t version = 1;  ///< 1 or 2
  der::AlgorithmView signature_algorithm;
  Bytes signature;
  Bytes issuer;  ///< Name element
  UnixSeconds this_update;
  std::optional<UnixSeconds> next_update;
  der::ExtensionsView extensions;
  std::optional<Bytes> crl_number;             ///< INTEGER content, at most 20 octets
  std::optional<Bytes> delta_base_number;      ///< deltaCRLIndicator
  std::optional<IssuingDistributionPoint> issuing_distribution_point;
  std::optional<Bytes> authority_key_id;       ///< keyIdentifier content
  std::vector<DistributionPoint> freshest_crl;
  bool unknown_critical_extension = false;     ///< OCSP-CRL-007; the CRL may be shown but not used
  bool unknown_critical_entry_extension = false;  ///< in any entry
  std::size_t entry_count = 0;
  Bytes entries;                 ///< content of revokedCertificates, every element checked
  std::uint32_t entries_offset = 0;
};
/// Parses and checks the whole CRL, entries too, in one pass without allocating per entry.
/// Errors: DerError; kInconsistent when inner and outer algorithm differ or extensions come with version 1 (OCSP-CRL-002).
der::DerResult<CrlView> parse_crl(Bytes der, const Limits& limits = {});
der::DerResult<CrlView> parse_crl(Buffer&&, const Limits& = {}) = delete;

der::DerResult<EntryView> read_entry(der::Reader& in);

/// What an entry means for whom: the certificate issuer in force (OCSP-CRL-017).
struct AttributedEntry {
  EntryView entry;
  Bytes certificate_issuer;  ///< Name element: the entry's, an earlier entry's, or the CRL issuer's
};
/// Calls `visit` for each entry in order until it returns kStop.
enum class Walk : std::uint8_t { kContinue, kStop };
void for_each_entry(const CrlView& crl, const std::function<Walk(const AttributedEntry&)>& visit);
/// The last entry for this serial and certificate issuer Name (raw octets compared); linear.
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
Buffer encode_tbs_crl(const Crl& crl);
Buffer encode_crl(Bytes tbs, Bytes signature_algorithm, Bytes signature);

}  // namespace muster::crl
