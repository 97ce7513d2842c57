#include <algorithm>

#include "certificate_impl.h"

namespace muster::pki {
namespace {

using der::DerErrc;
using der::DerError;
using der::DerResult;
using der::Reader;
using der::Tag;
using der::Truth;

/// AuthorityInfoAccessSyntax ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE { accessMethod OID,
/// accessLocation GeneralName } RFC 5280 4.2.2.1. Locations that are no URI are skipped.
DerResult<AuthorityAccess> parse_authority_access(Bytes value) {
  return der::read_all(
      value, Tag::kSequence, "authorityInfoAccess", [](Reader& in) -> DerResult<AuthorityAccess> {
        AuthorityAccess access;
        if (in.at_end()) {
          return Err{DerError{DerErrc::kBadValue, in.offset(), "authorityInfoAccess"}};
        }
        while (!in.at_end()) {
          MUSTER_TRY(Reader description, in.enter(Tag::kSequence, "accessDescription"));
          MUSTER_TRY(const Bytes method, description.read_oid("accessMethod"));
          MUSTER_TRY(const der::Element location, description.read_any("accessLocation"));
          MUSTER_CHECK(description.finish("accessDescription"));
          if (location.tag != der::kGeneralNameUri) {
            continue;
          }
          if (equal(method, oid::kAdOcsp)) {
            access.ocsp.emplace_back(as_text(location.content));
          } else if (equal(method, oid::kAdCaIssuers)) {
            access.ca_issuers.emplace_back(as_text(location.content));
          }
        }
        return access;
      });
}

/// TLS Features ::= SEQUENCE OF INTEGER   RFC 7633 section 4
DerResult<std::vector<std::uint32_t>> parse_tls_features(Bytes value) {
  return der::read_all(
      value, Tag::kSequence, "tlsFeature", [](Reader& in) -> DerResult<std::vector<std::uint32_t>> {
        std::vector<std::uint32_t> features;
        while (!in.at_end()) {
          MUSTER_TRY(const std::uint64_t feature, in.read_unsigned("tlsFeature", 0xffff));
          features.push_back(static_cast<std::uint32_t>(feature));
        }
        return features;
      });
}

/// KeyUsage ::= BIT STRING; bit n (counted from the most significant) becomes 1 << n. RFC
/// 5280 4.2.1.3
DerResult<std::uint16_t> parse_key_usage(Bytes value) {
  Reader in(value);
  MUSTER_TRY(const Bytes content, in.read(Tag::kBitString, "keyUsage"));
  MUSTER_CHECK(in.finish("keyUsage"));
  if (content.empty() || content[0] > 7 || (content.size() == 1 && content[0] != 0)) {
    return Err{DerError{DerErrc::kBadValue, 0, "keyUsage"}};
  }
  unsigned bits = 0;
  for (unsigned n = 0; n < 16 && 1 + n / 8 < content.size(); ++n) {
    if ((content[1 + n / 8] & (0x80u >> (n % 8))) != 0) {
      bits |= 1u << n;
    }
  }
  return static_cast<std::uint16_t>(bits);
}

/// BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER OPTIONAL }
/// RFC 5280 4.2.1.9 Returns cA. An explicit FALSE, which DER forbids, is common and means what it
/// says.
DerResult<Truth> parse_basic_constraints(Bytes value) {
  return der::read_all(value, Tag::kSequence, "basicConstraints",
                       [](Reader& in) -> DerResult<Truth> {
                         Truth ca = Truth::kFalse;
                         if (in.next_is(Tag::kBoolean)) {
                           MUSTER_TRY(ca, in.read_boolean("cA"));
                         }
                         if (in.next_is(Tag::kInteger)) {
                           MUSTER_CHECK(in.read_unsigned("pathLenConstraint", 0x7fffffff));
                         }
                         return ca;
                       });
}

/// ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX) OF OBJECT IDENTIFIER   RFC 5280 4.2.1.12
/// Returns whether id-kp-OCSPSigning itself is among them.
DerResult<Truth> parse_extended_key_usage(Bytes value) {
  return der::read_all(value, Tag::kSequence, "extKeyUsage", [](Reader& in) -> DerResult<Truth> {
    if (in.at_end()) {
      return Err{DerError{DerErrc::kBadValue, in.offset(), "extKeyUsage"}};
    }
    Truth ocsp_signing = Truth::kFalse;
    while (!in.at_end()) {
      MUSTER_TRY(const Bytes purpose, in.read_oid("keyPurposeId"));
      if (equal(purpose, oid::kKpOcspSigning)) {
        ocsp_signing = Truth::kTrue;
      }
    }
    return ocsp_signing;
  });
}

DerResult<Buffer> parse_subject_key_id(Bytes value) {
  Reader in(value);
  MUSTER_TRY(const Bytes id, in.read(Tag::kOctetString, "subjectKeyIdentifier"));
  MUSTER_CHECK(in.finish("subjectKeyIdentifier"));
  return to_buffer(id);
}

/// AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0] OCTET STRING OPTIONAL,
/// authorityCertIssuer [1] GeneralNames
///   OPTIONAL, authorityCertSerialNumber [2] INTEGER OPTIONAL }   RFC 5280 4.2.1.1
DerResult<std::optional<Buffer>> parse_authority_key_id(Bytes value) {
  return der::read_all(
      value, Tag::kSequence, "authorityKeyIdentifier",
      [](Reader& in) -> DerResult<std::optional<Buffer>> {
        MUSTER_TRY(const auto id, in.read_optional(der::context_primitive(0), "keyIdentifier"));
        MUSTER_CHECK(in.read_optional(der::context_constructed(1), "authorityCertIssuer"));
        MUSTER_CHECK(in.read_optional(der::context_primitive(2), "authorityCertSerialNumber"));
        return id ? std::optional(to_buffer(id->content)) : std::nullopt;
      });
}

/// Markers must be NULL and not critical (OCSP-COD-022). One with another value is not honoured:
/// taking it for absent leads to more checking, never to less.
void judge_marker(const der::ExtensionView& extension, std::string_view name, bool& flag,
                  std::vector<std::string>& deviations) {
  if (extension.critical) {
    deviations.push_back(std::string(name) + ": marked critical, which the standard forbids");
  }
  if (ocsp::parse_null_value(extension.value, name)) {
    flag = true;
  } else {
    deviations.push_back(std::string(name) + ": value is not NULL (05 00); not honoured");
  }
}

/// Those we act on ourselves and those OpenSSL's path validation acts on.
bool is_understood(Bytes id) {
  static constexpr std::uint8_t kSubjectAltName[] = {0x55, 0x1d, 0x11};
  static constexpr std::uint8_t kIssuerAltName[] = {0x55, 0x1d, 0x12};
  static constexpr std::uint8_t kNameConstraints[] = {0x55, 0x1d, 0x1e};
  static constexpr std::uint8_t kCertificatePolicies[] = {0x55, 0x1d, 0x20};
  static constexpr std::uint8_t kPolicyMappings[] = {0x55, 0x1d, 0x21};
  static constexpr std::uint8_t kPolicyConstraints[] = {0x55, 0x1d, 0x24};
  static constexpr std::uint8_t kInhibitAnyPolicy[] = {0x55, 0x1d, 0x36};
  const Bytes understood[] = {oid::kPeAuthorityInfoAccess,
                              oid::kPeTlsFeature,
                              oid::kCeSubjectKeyId,
                              oid::kCeKeyUsage,
                              oid::kCeBasicConstraints,
                              oid::kCeCrlDistributionPoints,
                              oid::kCeAuthorityKeyId,
                              oid::kCeExtendedKeyUsage,
                              oid::kCeFreshestCrl,
                              oid::kCeNoRevAvail,
                              oid::kOcspNoCheck,
                              kSubjectAltName,
                              kIssuerAltName,
                              kNameConstraints,
                              kCertificatePolicies,
                              kPolicyMappings,
                              kPolicyConstraints,
                              kInhibitAnyPolicy};
  return std::any_of(std::begin(understood), std::end(understood),
                     [&](Bytes known) { return equal(known, id); });
}

}  // namespace

der::DerResult<CertificateFacts> decode_facts(std::span<const der::ExtensionView> extensions) {
  CertificateFacts facts;
  for (const der::ExtensionView& extension : extensions) {
    const auto is = [&](Bytes oid) { return equal(extension.oid, oid); };
    if (is(oid::kPeAuthorityInfoAccess)) {
      MUSTER_TRY(facts.access, parse_authority_access(extension.value));
    } else if (is(oid::kPeTlsFeature)) {
      MUSTER_TRY(facts.tls_features, parse_tls_features(extension.value));
    } else if (is(oid::kCeKeyUsage)) {
      MUSTER_TRY(facts.key_usage, parse_key_usage(extension.value));
    } else if (is(oid::kCeBasicConstraints)) {
      MUSTER_TRY(const Truth ca, parse_basic_constraints(extension.value));
      facts.is_ca = ca == Truth::kTrue;
    } else if (is(oid::kCeExtendedKeyUsage)) {
      MUSTER_TRY(const Truth ocsp_signing, parse_extended_key_usage(extension.value));
      facts.has_extended_key_usage = true;
      facts.eku_ocsp_signing = ocsp_signing == Truth::kTrue;
    } else if (is(oid::kCeSubjectKeyId)) {
      MUSTER_TRY(facts.subject_key_id, parse_subject_key_id(extension.value));
    } else if (is(oid::kCeAuthorityKeyId)) {
      MUSTER_TRY(facts.authority_key_id, parse_authority_key_id(extension.value));
    } else if (is(oid::kCeCrlDistributionPoints)) {
      MUSTER_TRY(const auto points, crl::parse_distribution_points(extension.value));
      for (const crl::DistributionPoint& point : points) {
        if (point.name) {
          for (const std::string_view uri : crl::uris(*point.name)) {
            facts.crl_uris.emplace_back(uri);
          }
        }
      }
    } else if (is(oid::kCeFreshestCrl)) {
      MUSTER_CHECK(crl::parse_distribution_points(extension.value));
      facts.has_freshest_crl = true;
    } else if (is(oid::kOcspNoCheck)) {
      judge_marker(extension, "ocsp-nocheck", facts.ocsp_no_check, facts.deviations);
    } else if (is(oid::kCeNoRevAvail)) {
      judge_marker(extension, "noRevAvail", facts.no_rev_avail, facts.deviations);
    } else if (extension.critical && !is_understood(extension.oid)) {
      facts.has_unknown_critical_extension = true;
    }
  }
  return facts;
}

bool CertificateFacts::must_staple() const {
  return std::any_of(tls_features.begin(), tls_features.end(),
                     [](std::uint32_t feature) { return feature == 5 || feature == 17; });
}

}  // namespace muster::pki
