#include "muster/crl/distribution_point.h"

#include <bit>

namespace muster::crl {
namespace {

using der::DerErrc;
using der::DerError;
using der::DerResult;
using der::Reader;
using der::Tag;
using der::Writer;

// ReasonFlags bit -> CRLReason; bits 7 and 8 are codes 9 and 10 (RFC 5280 sections 4.2.1.13
// and 5.3.1).
constexpr std::array<std::optional<ReasonCode>, 9> kReasonOfBit = {
    std::nullopt,  // unused
    ReasonCode::kKeyCompromise,
    ReasonCode::kCaCompromise,
    ReasonCode::kAffiliationChanged,
    ReasonCode::kSuperseded,
    ReasonCode::kCessationOfOperation,
    ReasonCode::kCertificateHold,
    ReasonCode::kPrivilegeWithdrawn,
    ReasonCode::kAaCompromise,
};

/// Whether an identifier octet starts a GeneralName: [0], [3], [4] and [5] are constructed, the
/// others are not.
bool is_general_name(Tag tag) {
  for (const unsigned n : {0u, 3u, 4u, 5u}) {
    if (tag == der::context_constructed(n)) {
      return true;
    }
  }
  for (const unsigned n : {1u, 2u, 6u, 7u, 8u}) {
    if (tag == der::context_primitive(n)) {
      return true;
    }
  }
  return false;
}

/// RelativeDistinguishedName ::= SET SIZE (1..MAX) OF SEQUENCE { type OID, value ANY }
DerResult<Unit> check_rdn(Reader set, std::string_view field) {
  if (set.at_end()) {
    return Err{DerError{DerErrc::kBadValue, set.offset(), field}};
  }
  while (!set.at_end()) {
    MUSTER_TRY(Reader attribute, set.enter(Tag::kSequence, field));
    MUSTER_CHECK(attribute.read_oid(field));
    MUSTER_CHECK(attribute.read_any(field));
    MUSTER_CHECK(attribute.finish(field));
  }
  return Unit{};
}

/// DistributionPointName, explicitly tagged [0] because it is a CHOICE.
DerResult<std::optional<PointName>> read_point_name(Reader& in) {
  MUSTER_TRY(std::optional<Reader> wrapped,
             in.enter_optional(der::context_constructed(0), "distributionPoint"));
  if (!wrapped) {
    return std::optional<PointName>();
  }
  PointName name;
  if (wrapped->next_is(der::context_constructed(1))) {
    MUSTER_TRY(const Reader rdn,
               wrapped->enter(der::context_constructed(1), "nameRelativeToCRLIssuer"));
    MUSTER_CHECK(check_rdn(rdn, "nameRelativeToCRLIssuer"));
    name.relative_name = rdn.rest();
  } else {
    MUSTER_TRY(const Reader names, wrapped->enter(der::context_constructed(0), "fullName"));
    MUSTER_TRY(name.full_name, read_general_names(names, "fullName"));
  }
  MUSTER_CHECK(wrapped->finish("distributionPoint"));
  return std::optional<PointName>(std::move(name));
}

DerResult<std::optional<ReasonSet>> read_reasons(Reader& in, unsigned tag, std::string_view field) {
  const std::uint32_t offset = in.offset();
  MUSTER_TRY(const auto element, in.read_optional(der::context_primitive(tag), field));
  if (!element) {
    return std::optional<ReasonSet>();
  }
  MUSTER_TRY(const ReasonSet reasons, parse_reason_flags(element->content, offset));
  return std::optional<ReasonSet>(reasons);
}

/// [tag] IMPLICIT BOOLEAN DEFAULT FALSE: DER writes it only when TRUE.
DerResult<Unit> read_flag(Reader& in, unsigned tag, bool& flag, std::string_view field) {
  const std::uint32_t offset = in.offset();
  MUSTER_TRY(const auto element, in.read_optional(der::context_primitive(tag), field));
  if (element) {
    if (element->content.size() != 1 || element->content[0] != 0xff) {
      return Err{DerError{DerErrc::kBadValue, offset, field}};
    }
    flag = true;
  }
  return Unit{};
}

DerResult<DistributionPoint> read_distribution_point(Reader& in) {
  const std::uint32_t offset = in.offset();
  MUSTER_TRY(Reader body, in.enter(Tag::kSequence, "DistributionPoint"));
  DistributionPoint point;
  MUSTER_TRY(point.name, read_point_name(body));
  MUSTER_TRY(point.reasons, read_reasons(body, 1, "reasons"));
  MUSTER_TRY(const auto issuer, body.enter_optional(der::context_constructed(2), "cRLIssuer"));
  if (issuer) {
    MUSTER_TRY(point.crl_issuer, read_general_names(*issuer, "cRLIssuer"));
  }
  MUSTER_CHECK(body.finish("DistributionPoint"));
  if (!point.name && !issuer) {
    return Err{DerError{DerErrc::kBadValue, offset, "DistributionPoint"}};
  }
  return point;
}

void write_names(Writer& out, Tag tag, const std::vector<Bytes>& names) {
  out.element(tag, [&] {
    for (const Bytes name : names) {
      out.raw(name);
    }
  });
}

void write_point_name(Writer& out, const std::optional<PointName>& name) {
  if (!name) {
    return;
  }
  out.element(der::context_constructed(0), [&] {
    if (name->relative_name) {
      out.element(der::context_constructed(1), *name->relative_name);
    } else {
      write_names(out, der::context_constructed(0), name->full_name);
    }
  });
}

void write_reasons(Writer& out, unsigned tag, const std::optional<ReasonSet>& reasons) {
  if (!reasons) {
    return;
  }
  std::array<std::uint8_t, 3> content{};
  std::size_t size = 1;
  for (unsigned bit = 0; bit < kReasonOfBit.size(); ++bit) {
    if ((unsigned{*reasons} >> bit & 1u) != 0) {
      content[1 + bit / 8] = static_cast<std::uint8_t>(content[1 + bit / 8] | 0x80u >> bit % 8);
      content[0] = static_cast<std::uint8_t>(7 - bit % 8);
      size = 2 + bit / 8;
    }
  }
  out.element(der::context_primitive(tag), Bytes(content).first(size));
}

void write_flag(Writer& out, unsigned tag, bool flag) {
  if (flag) {
    constexpr std::array<std::uint8_t, 1> kTrue = {0xff};
    out.element(der::context_primitive(tag), Bytes(kTrue));
  }
}

}  // namespace

std::optional<ReasonSet> reason_bit(ReasonCode reason) {
  for (unsigned bit = 0; bit < kReasonOfBit.size(); ++bit) {
    if (kReasonOfBit[bit] == reason) {
      return static_cast<ReasonSet>(1u << bit);
    }
  }
  return std::nullopt;
}

std::optional<ReasonCode> reason_of_bit(unsigned bit) {
  return bit < kReasonOfBit.size() ? kReasonOfBit[bit] : std::nullopt;
}

DerResult<ReasonSet> parse_reason_flags(Bytes content, std::uint32_t offset) {
  const Err<DerError> bad{DerError{DerErrc::kBadValue, offset, "ReasonFlags"}};
  if (content.empty() || content.size() > 3) {
    return bad;
  }
  const unsigned unused = content[0];
  const Bytes bits = content.subspan(1);
  if (bits.empty()) {
    if (unused != 0) {
      return bad;
    }
    return ReasonSet{0};
  }
  // The last bit sent must be a one and nothing behind it.
  if (unused > 7 || std::countr_zero(bits.back()) != static_cast<int>(unused)) {
    return bad;
  }
  unsigned reasons = 0;
  for (unsigned bit = 0; bit < bits.size() * 8; ++bit) {
    if ((bits[bit / 8] & 0x80u >> bit % 8) != 0) {
      if (bit >= kReasonOfBit.size()) {
        return bad;
      }
      reasons |= 1u << bit;
    }
  }
  return static_cast<ReasonSet>(reasons);
}

DerResult<std::vector<Bytes>> read_general_names(Reader in, std::string_view field) {
  std::vector<Bytes> names;
  if (in.at_end()) {
    return Err{DerError{DerErrc::kBadValue, in.offset(), field}};
  }
  while (!in.at_end()) {
    const std::uint32_t offset = in.offset();
    if (names.size() == kMaxGeneralNames) {
      return Err{DerError{DerErrc::kTooLarge, offset, field}};
    }
    const Reader start = in;
    MUSTER_TRY(const der::Element element, in.read_any(field));
    if (!is_general_name(element.tag)) {
      return Err{DerError{DerErrc::kWrongTag, offset, field}};
    }
    if (element.tag == kGeneralNameDirectory) {
      Reader again = start;
      MUSTER_TRY(Reader inside, again.enter(kGeneralNameDirectory, field));
      MUSTER_CHECK(der::read_name(inside, field));
      MUSTER_CHECK(inside.finish(field));
    }
    names.push_back(element.raw);
  }
  return names;
}

DerResult<std::vector<DistributionPoint>> parse_distribution_points(Bytes extension_value,
                                                                    std::uint32_t offset) {
  Reader outer(extension_value, offset);
  MUSTER_TRY(Reader list, outer.enter(Tag::kSequence, "CRLDistributionPoints"));
  MUSTER_CHECK(outer.finish("CRLDistributionPoints"));
  std::vector<DistributionPoint> points;
  if (list.at_end()) {
    return Err{DerError{DerErrc::kBadValue, offset, "CRLDistributionPoints"}};
  }
  while (!list.at_end()) {
    if (points.size() == kMaxDistributionPoints) {
      return Err{DerError{DerErrc::kTooLarge, list.offset(), "CRLDistributionPoints"}};
    }
    MUSTER_TRY(DistributionPoint point, read_distribution_point(list));
    points.push_back(std::move(point));
  }
  return points;
}

std::vector<std::string_view> uris(const PointName& name) {
  std::vector<std::string_view> found;
  for (const Bytes general_name : name.full_name) {
    Reader in(general_name);
    if (const auto uri = in.read(der::kGeneralNameUri, "uniformResourceIdentifier")) {
      found.push_back(as_text(*uri));
    }
  }
  return found;
}

std::optional<Bytes> directory_name(Bytes general_name) {
  Reader in(general_name);
  auto inside = in.enter(kGeneralNameDirectory, "directoryName");
  if (!inside) {
    return std::nullopt;
  }
  return inside->rest();
}

DerResult<IssuingDistributionPoint> parse_issuing_distribution_point(Bytes extension_value,
                                                                     std::uint32_t offset) {
  Reader outer(extension_value, offset);
  MUSTER_TRY(Reader body, outer.enter(Tag::kSequence, "IssuingDistributionPoint"));
  MUSTER_CHECK(outer.finish("IssuingDistributionPoint"));
  IssuingDistributionPoint point;
  MUSTER_TRY(point.name, read_point_name(body));
  MUSTER_CHECK(read_flag(body, 1, point.only_user_certs, "onlyContainsUserCerts"));
  MUSTER_CHECK(read_flag(body, 2, point.only_ca_certs, "onlyContainsCACerts"));
  MUSTER_TRY(point.only_some_reasons, read_reasons(body, 3, "onlySomeReasons"));
  MUSTER_CHECK(read_flag(body, 4, point.indirect, "indirectCRL"));
  MUSTER_CHECK(read_flag(body, 5, point.only_attribute_certs, "onlyContainsAttributeCerts"));
  MUSTER_CHECK(body.finish("IssuingDistributionPoint"));
  return point;
}

Buffer encode_distribution_points(std::span<const DistributionPoint> points) {
  Writer out;
  out.sequence([&] {
    for (const DistributionPoint& point : points) {
      out.sequence([&] {
        write_point_name(out, point.name);
        write_reasons(out, 1, point.reasons);
        if (!point.crl_issuer.empty()) {
          write_names(out, der::context_constructed(2), point.crl_issuer);
        }
      });
    }
  });
  return out.take();
}

Buffer encode_issuing_distribution_point(const IssuingDistributionPoint& point) {
  Writer out;
  out.sequence([&] {
    write_point_name(out, point.name);
    write_flag(out, 1, point.only_user_certs);
    write_flag(out, 2, point.only_ca_certs);
    write_reasons(out, 3, point.only_some_reasons);
    write_flag(out, 4, point.indirect);
    write_flag(out, 5, point.only_attribute_certs);
  });
  return out.take();
}

}  // namespace muster::crl
