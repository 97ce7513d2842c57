#include "entry_parts.h"
#include "extensions.h"
#include "muster/crl/crl.h"
#include "muster/crl/signed_part.h"

namespace muster::crl {
namespace {

using der::DerErrc;
using der::DerError;
using der::DerResult;
using der::Reader;
using der::Tag;

constexpr std::uint8_t kCeIssuerAltName[] = {0x55, 0x1d, 0x12};

/// CRLNumber, BaseCRLNumber ::= INTEGER (0..MAX). Out of range: noted and taken as absent.
DerResult<std::optional<Bytes>> decode_number(Bytes value, std::uint32_t offset, Defects& defects,
                                              std::string_view field) {
  Reader in(value, offset);
  MUSTER_TRY(const Bytes number, in.read_integer(field));
  MUSTER_CHECK(in.finish(field));
  if ((number[0] & 0x80u) != 0 || number.size() > kMaxNumberOctets) {
    defects.note(Defect::kNumberOutOfRange, offset);
    return std::optional<Bytes>();
  }
  return std::optional<Bytes>(number);
}

/// AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0], authorityCertIssuer [1],
/// authorityCertSerialNumber [2] }
DerResult<std::optional<Bytes>> decode_authority_key_id(Bytes value, std::uint32_t offset) {
  constexpr std::string_view kField = "authorityKeyIdentifier";
  Reader in(value, offset);
  MUSTER_TRY(Reader body, in.enter(Tag::kSequence, kField));
  MUSTER_CHECK(in.finish(kField));
  MUSTER_TRY(const auto key_id, body.read_optional(der::context_primitive(0), kField));
  MUSTER_TRY(const auto issuer, body.enter_optional(der::context_constructed(1), kField));
  if (issuer) {
    MUSTER_CHECK(read_general_names(*issuer, kField));
  }
  MUSTER_CHECK(body.read_optional(der::context_primitive(2), kField));
  MUSTER_CHECK(body.finish(kField));
  return key_id ? std::optional<Bytes>(key_id->content) : std::nullopt;
}

/// Decodes one extension if it is among those of section 5.2; the first of duplicates counts.
DerResult<Unit> decode_extension(CrlView& crl, const der::ExtensionView& extension,
                                 std::uint32_t at) {
  const std::uint32_t inside = internal::value_offset(extension, at);
  bool should_be_critical = false;
  if (equal(extension.oid, oid::kCeAuthorityKeyId)) {
    MUSTER_TRY(const auto key_id, decode_authority_key_id(extension.value, inside));
    crl.authority_key_id = crl.authority_key_id ? crl.authority_key_id : key_id;
  } else if (equal(extension.oid, oid::kCeCrlNumber)) {
    MUSTER_TRY(const auto number, decode_number(extension.value, inside, crl.defects, "cRLNumber"));
    crl.crl_number = crl.crl_number ? crl.crl_number : number;
  } else if (equal(extension.oid, oid::kCeDeltaCrlIndicator)) {
    MUSTER_TRY(const auto number,
               decode_number(extension.value, inside, crl.defects, "deltaCRLIndicator"));
    crl.delta_base_number = crl.delta_base_number ? crl.delta_base_number : number;
    crl.is_delta = true;
    should_be_critical = true;
  } else if (equal(extension.oid, oid::kCeIssuingDistributionPoint)) {
    auto point = parse_issuing_distribution_point(extension.value, inside);
    if (!point) {
      return Err{point.error()};
    }
    if (equal(extension.value, std::array<std::uint8_t, 2>{0x30, 0x00})) {
      crl.defects.note(Defect::kEmptyIssuingDistributionPoint, at);
    }
    if (!crl.issuing_distribution_point) {
      crl.issuing_distribution_point = *std::move(point);
    }
    should_be_critical = true;
  } else if (equal(extension.oid, oid::kCeFreshestCrl)) {
    MUSTER_TRY(auto points, parse_distribution_points(extension.value, inside));
    for (const DistributionPoint& point : points) {
      if (point.reasons || !point.crl_issuer.empty()) {
        crl.defects.note(Defect::kFreshestCrlMisused, at);
      }
    }
    if (crl.freshest_crl.empty()) {
      crl.freshest_crl = std::move(points);
    }
  } else if (!equal(extension.oid, oid::kPeAuthorityInfoAccess) &&
             !equal(extension.oid, kCeIssuerAltName) &&
             !equal(extension.oid, oid::kCeExpiredCertsOnCrl)) {  // these three change no status
    crl.unknown_critical_extension = crl.unknown_critical_extension || extension.critical;
    return Unit{};
  }
  if (extension.critical != should_be_critical) {
    crl.defects.note(Defect::kWrongCriticality, at);
  }
  return Unit{};
}

/// What only shows when entries are seen together with the extensions behind them.
struct EntryFacts {
  std::optional<std::uint32_t> first_extensions;
  std::optional<std::uint32_t> first_remove_from_crl;
  std::optional<std::uint32_t> first_certificate_issuer;
};

DerResult<EntryFacts> check_entries(CrlView& crl, Reader list, const Limits& limits) {
  EntryFacts facts;
  crl.entries = list.rest();
  crl.entries_offset = list.offset();
  while (!list.at_end()) {
    const std::uint32_t offset = list.offset();
    if (crl.entry_count == limits.max_entries) {
      return Err{DerError{DerErrc::kTooLarge, offset, "revokedCertificates"}};
    }
    ++crl.entry_count;
    MUSTER_TRY(const internal::EntryHead head, internal::read_entry_head(list));
    if (head.rest.at_end()) {
      continue;
    }
    MUSTER_TRY(const EntryView entry, internal::finish_entry(head));
    const auto note_first = [offset](std::optional<std::uint32_t>& first, bool applies) {
      if (applies && !first) {
        first = offset;
      }
    };
    note_first(facts.first_extensions, true);
    note_first(facts.first_remove_from_crl, entry.reason == ReasonCode::kRemoveFromCrl);
    note_first(facts.first_certificate_issuer, entry.certificate_issuer.has_value());
    crl.unknown_critical_entry_extension |= entry.unknown_critical_extension;
    crl.defects.merge(entry.defects);
  }
  return facts;
}

void note_contradictions(CrlView& crl, const EntryFacts& facts) {
  if (facts.first_remove_from_crl && !crl.is_delta) {
    crl.defects.note(Defect::kRemoveFromCrlInCompleteCrl, *facts.first_remove_from_crl);
  }
  if (facts.first_certificate_issuer && !crl.is_indirect()) {
    crl.defects.note(Defect::kCertificateIssuerInDirectCrl, *facts.first_certificate_issuer);
  }
  if (crl.is_delta && !crl.freshest_crl.empty()) {
    crl.defects.note(Defect::kFreshestCrlMisused, 0);
  }
}

DerResult<Unit> parse_tbs(Reader& tbs, CrlView& crl, const Limits& limits) {
  if (tbs.next_is(Tag::kInteger)) {
    const std::uint32_t offset = tbs.offset();
    MUSTER_TRY(const Bytes version, tbs.read_integer("version"));
    if (version.size() != 1 || version[0] != 1) {  // "if present, MUST be v2", section 5.1.2.1
      return Err{DerError{DerErrc::kUnsupported, offset, "version"}};
    }
    crl.version = 2;
  }
  MUSTER_TRY(crl.signature_algorithm, der::read_algorithm(tbs, "signature"));
  MUSTER_TRY(crl.issuer, der::read_name(tbs, "issuer"));
  MUSTER_TRY(crl.this_update, der::read_time(tbs, "thisUpdate"));
  if (tbs.next_is(Tag::kUtcTime) || tbs.next_is(Tag::kGeneralizedTime)) {
    MUSTER_TRY(crl.next_update, der::read_time(tbs, "nextUpdate"));
  }
  EntryFacts facts;
  const std::uint32_t list_offset = tbs.offset();
  MUSTER_TRY(const auto list, tbs.enter_optional(Tag::kSequence, "revokedCertificates"));
  if (list) {
    if (list->at_end()) {
      crl.defects.note(Defect::kEmptyRevokedList, list_offset);
    }
    MUSTER_TRY(facts, check_entries(crl, *list, limits));
    if (facts.first_extensions && crl.version == 1) {
      return Err{DerError{DerErrc::kInconsistent, *facts.first_extensions, "crlEntryExtensions"}};
    }
  }
  const std::uint32_t extensions_offset = tbs.offset();
  MUSTER_TRY(auto wrapped, tbs.enter_optional(der::context_constructed(0), "crlExtensions"));
  if (wrapped) {
    if (crl.version == 1) {
      return Err{DerError{DerErrc::kInconsistent, extensions_offset, "crlExtensions"}};
    }
    const auto decode = [&crl](const der::ExtensionView& extension, std::uint32_t offset) {
      return decode_extension(crl, extension, offset);
    };
    MUSTER_TRY(crl.extensions,
               internal::read_extensions(*wrapped, crl.defects, "crlExtensions", decode));
    MUSTER_CHECK(wrapped->finish("crlExtensions"));
  }
  MUSTER_CHECK(tbs.finish("tbsCertList"));
  note_contradictions(crl, facts);
  return Unit{};
}

}  // namespace

DerResult<CrlView> parse_crl(Bytes der, const Limits& limits) {
  if (der.size() > limits.max_message_bytes) {
    return Err{DerError{DerErrc::kTooLarge, 0, "CertificateList"}};
  }
  return der::read_all(
      der, Tag::kSequence, "CertificateList", [&](Reader& outer) -> DerResult<CrlView> {
        CrlView crl;
        const Reader start = outer;
        MUSTER_TRY(Reader tbs, outer.enter(Tag::kSequence, "tbsCertList"));
        crl.tbs_raw = outer.consumed_since(start);
        MUSTER_CHECK(parse_tbs(tbs, crl, limits));
        const std::uint32_t algorithm_offset = outer.offset();
        MUSTER_TRY(const auto algorithm, der::read_algorithm(outer, "signatureAlgorithm"));
        if (!equal(algorithm.raw, crl.signature_algorithm.raw)) {  // section 5.1.1.2
          return Err{DerError{DerErrc::kInconsistent, algorithm_offset, "signatureAlgorithm"}};
        }
        MUSTER_TRY(crl.signature, outer.read_octet_bits("signatureValue"));
        return crl;
      });
}

std::optional<SignedPart> find_signed_part(Bytes der) {
  Reader message(der);
  auto outer = message.enter(Tag::kSequence, "CertificateList");
  if (!outer) {
    return std::nullopt;
  }
  const auto tbs = outer->read_element(Tag::kSequence, "tbsCertList");
  if (!tbs) {
    return std::nullopt;
  }
  Reader inside(tbs->content);
  if (inside.next_is(Tag::kInteger) && !inside.read_integer("version")) {
    return std::nullopt;
  }
  const auto algorithm = der::read_algorithm(inside, "signature");
  return algorithm ? std::optional(SignedPart{tbs->raw, *algorithm}) : std::nullopt;
}

}  // namespace muster::crl
