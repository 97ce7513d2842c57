#include "muster/der/name.h"

#include <algorithm>

#include "muster/base/text.h"
#include "muster/der/pkix.h"

namespace muster::der {
namespace {

constexpr Tag kTeletexString = static_cast<Tag>(0x14);
constexpr Tag kBmpString = static_cast<Tag>(0x1e);

struct ShortName {
  std::array<std::uint8_t, 10> oid;
  std::size_t size;
  std::string_view name;
};
// RFC 4514 section 3 and the names openssl prints.
constexpr ShortName kShortNames[] = {
    {{0x55, 4, 3}, 3, "CN"},
    {{0x55, 4, 4}, 3, "SN"},
    {{0x55, 4, 5}, 3, "serialNumber"},
    {{0x55, 4, 6}, 3, "C"},
    {{0x55, 4, 7}, 3, "L"},
    {{0x55, 4, 8}, 3, "ST"},
    {{0x55, 4, 9}, 3, "street"},
    {{0x55, 4, 10}, 3, "O"},
    {{0x55, 4, 11}, 3, "OU"},
    {{0x55, 4, 12}, 3, "title"},
    {{0x55, 4, 42}, 3, "GN"},
    {{0x55, 4, 97}, 3, "organizationIdentifier"},
    {{0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1}, 10, "UID"},
    {{0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25}, 10, "DC"},
    {{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1}, 9, "emailAddress"},
};

std::string type_name(Bytes oid) {
  for (const ShortName& entry : kShortNames) {
    if (equal(Bytes(entry.oid).first(entry.size), oid)) {
      return std::string(entry.name);
    }
  }
  return oid_to_string(oid);
}

void append_utf8(std::string& out, unsigned code_unit) {
  if (code_unit < 0x80) {
    out += static_cast<char>(code_unit);
  } else if (code_unit < 0x800) {
    out += static_cast<char>(0xc0u | code_unit >> 6);
    out += static_cast<char>(0x80u | (code_unit & 0x3fu));
  } else {
    out += static_cast<char>(0xe0u | code_unit >> 12);
    out += static_cast<char>(0x80u | (code_unit >> 6 & 0x3fu));
    out += static_cast<char>(0x80u | (code_unit & 0x3fu));
  }
}

/// Text of a directory string as UTF-8, nothing for a value of another type.
std::optional<std::string> directory_text(const Element& value) {
  std::string text;
  if (value.tag == Tag::kUtf8String || value.tag == Tag::kPrintableString ||
      value.tag == Tag::kIa5String) {
    text = as_text(value.content);
  } else if (value.tag == kTeletexString) {  // read as Latin-1, as everybody writes it
    for (const std::uint8_t octet : value.content) {
      append_utf8(text, octet);
    }
  } else if (value.tag == kBmpString && value.content.size() % 2 == 0) {
    for (std::size_t i = 0; i < value.content.size(); i += 2) {
      append_utf8(text, static_cast<unsigned>(value.content[i]) << 8 | value.content[i + 1]);
    }
  } else {
    return std::nullopt;
  }
  return text;
}

std::string value_text(const Element& value) {
  const std::optional<std::string> text = directory_text(value);
  if (!text) {
    return "#" + to_hex(value.raw);
  }
  constexpr std::string_view kSpecial = ",+\"\\<>;=";
  std::string result;
  for (const char c : *text) {
    if (kSpecial.find(c) != std::string_view::npos) {
      result += '\\';
    }
    result += c;
  }
  return printable(result);
}

}  // namespace

DerResult<NameAttribute> read_name_attribute(Reader& in) {
  MUSTER_TRY(Reader body, in.enter(Tag::kSequence, "attribute"));
  MUSTER_TRY(const Bytes type, body.read_oid("attributeType"));
  MUSTER_TRY(const Element value, body.read_any("attributeValue"));
  MUSTER_CHECK(body.finish("attribute"));
  return NameAttribute{type, value};
}

DerResult<Bytes> read_name(Reader& in, std::string_view field) {
  const Reader start = in;
  MUSTER_CHECK(walk_name(
      in, [](const NameAttribute&, bool) {}, field));
  return in.consumed_since(start);
}

DerResult<Element> read_general_name(Reader& in, std::string_view field) {
  // otherName, x400Address, directoryName and ediPartyName are constructed, the others primitive.
  constexpr std::array<Tag, 9> kAlternatives = {
      context_constructed(0), context_primitive(1),   context_primitive(2),
      context_constructed(3), context_constructed(4), context_constructed(5),
      context_primitive(6),   context_primitive(7),   context_primitive(8)};
  const std::uint32_t start = in.offset();
  MUSTER_TRY(const Element name, in.read_any(field));
  if (std::find(kAlternatives.begin(), kAlternatives.end(), name.tag) == kAlternatives.end()) {
    return Err{DerError{DerErrc::kWrongTag, start, field}};
  }
  return name;
}

DerResult<AccessDescriptionView> read_access_description(Reader& in) {
  MUSTER_TRY(Reader body, in.enter(Tag::kSequence, "accessDescription"));
  MUSTER_TRY(const Bytes method, body.read_oid("accessMethod"));
  MUSTER_TRY(const Element location, read_general_name(body, "accessLocation"));
  MUSTER_CHECK(body.finish("accessDescription"));
  return AccessDescriptionView{method, location};
}

DerResult<AccessDescriptionsView> read_access_descriptions(Reader& in, std::string_view field) {
  const std::uint32_t start = in.offset();
  MUSTER_TRY(const Reader list, in.enter(Tag::kSequence, field));
  if (list.at_end()) {
    return Err{DerError{DerErrc::kBadValue, start, field}};
  }
  return read_list<AccessDescriptionView, read_access_description>(list, kMaxAccessDescriptions,
                                                                   field);
}

std::string name_to_string(Bytes name) {
  Reader in(name);
  std::string text;
  const auto append = [&text](const NameAttribute& attribute, bool is_first) {
    if (!text.empty()) {
      text += is_first ? ", " : " + ";
    }
    text += type_name(attribute.type) + "=" + value_text(attribute.value);
  };
  if (!walk_name(in, append, "name")) {
    return "[" + to_hex(name) + "]";
  }
  return text;
}

}  // namespace muster::der
