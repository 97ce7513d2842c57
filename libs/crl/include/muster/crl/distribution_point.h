#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "muster/der/pkix.h"

// Distribution points as certificates and CRLs name them (RFC 5280 sections 4.2.1.13 and 5.2.5).
namespace muster::crl {

/// Bits of ReasonFlags (IssuingDistributionPoint, DistributionPoint), bit n of the BIT STRING at 1
/// << n. Bits and codes differ (OCSP-CRL-015).
using ReasonSet = std::uint16_t;
inline constexpr ReasonSet kAllReasons = 0x01fe;  // bits 1..8
/// The bit for a code; nothing for codes without a bit (unspecified, removeFromCRL).
std::optional<ReasonSet> reason_bit(ReasonCode reason);
std::optional<ReasonCode> reason_of_bit(unsigned bit);
/// ReasonFlags ::= BIT STRING of named bits 0..8, trailing zero bits left off as DER demands.
/// Errors: kBadValue (unused bits, bits beyond 8, trailing zeros).
der::DerResult<ReasonSet> parse_reason_flags(Bytes bit_string_content, std::uint32_t offset);

/// Limits on untrusted extensions; a parse error kTooLarge when passed.
inline constexpr std::size_t kMaxDistributionPoints = 256;
inline constexpr std::size_t kMaxGeneralNames = 256;

/// GeneralName choices the checker compares by their own rules.
inline constexpr der::Tag kGeneralNameDirectory = der::context_constructed(4);

/// DistributionPointName ::= CHOICE { fullName [0] GeneralNames, nameRelativeToCRLIssuer [1] RDN }
struct PointName {
  std::vector<Bytes> full_name;        ///< each one GeneralName element of a known choice
  std::optional<Bytes> relative_name;  ///< RDN content (SET content octets)
};
/// One DistributionPoint of a cRLDistributionPoints or freshestCRL extension (certificate or CRL).
struct DistributionPoint {
  std::optional<PointName> name;
  std::optional<ReasonSet> reasons;
  std::vector<Bytes> crl_issuer;  ///< GeneralName elements
};
/// CRLDistributionPoints ::= SEQUENCE SIZE (1..MAX) OF DistributionPoint. View of
/// `extension_value`, which lies `offset` octets behind the start of the message. A point with
/// neither name nor cRLIssuer is kBadValue (section 4.2.1.13).
der::DerResult<std::vector<DistributionPoint>> parse_distribution_points(Bytes extension_value,
                                                                         std::uint32_t offset = 0);
/// http(s) and other URIs named by a point, in order.
std::vector<std::string_view> uris(const PointName& name);
/// The Name element inside a GeneralName element that is a directoryName; nothing for another
/// choice.
std::optional<Bytes> directory_name(Bytes general_name);
/// GeneralNames ::= SEQUENCE SIZE (1..MAX) OF GeneralName: each element of a known choice, returned
/// raw.
der::DerResult<std::vector<Bytes>> read_general_names(der::Reader in, std::string_view field);

/// IssuingDistributionPoint, RFC 5280 section 5.2.5. Parsing does not judge whether the flags make
/// sense together.
struct IssuingDistributionPoint {
  std::optional<PointName> name;
  bool only_user_certs = false;
  bool only_ca_certs = false;
  std::optional<ReasonSet> only_some_reasons;
  bool indirect = false;
  bool only_attribute_certs = false;
};
der::DerResult<IssuingDistributionPoint> parse_issuing_distribution_point(Bytes extension_value,
                                                                          std::uint32_t offset = 0);

/// Extension values of what the parsers above return; the octets parsed come back.
Buffer encode_distribution_points(std::span<const DistributionPoint> points);
Buffer encode_issuing_distribution_point(const IssuingDistributionPoint& point);

}  // namespace muster::crl
