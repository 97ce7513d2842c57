#include "muster/crl/name_match.h"

#include <algorithm>

#include "muster/base/text.h"
#include "muster/crl/distribution_point.h"
#include "muster/der/name.h"

namespace muster::crl {
namespace {

using der::Reader;
using der::Tag;

enum class TextForm : std::uint8_t { kNone, kOctets, kUtf8, kTwoOctets, kFourOctets };

/// How the string type with this identifier writes characters.
TextForm text_form(Tag tag) {
  switch (static_cast<std::uint8_t>(tag)) {
    case 0x0c:  // UTF8String
      return TextForm::kUtf8;
    case 0x13:  // PrintableString
    case 0x14:  // TeletexString, in practice Latin-1
    case 0x16:  // IA5String
    case 0x1a:  // VisibleString
      return TextForm::kOctets;
    case 0x1e:  // BMPString
      return TextForm::kTwoOctets;
    case 0x1c:  // UniversalString
      return TextForm::kFourOctets;
    default:  // not an enumeration of ours
      return TextForm::kNone;
  }
}

void append_utf8(Buffer& out, std::uint32_t c) {
  const auto put = [&out](std::uint32_t octet) { out.push_back(static_cast<std::uint8_t>(octet)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0u | c >> 6);
    put(0x80u | (c & 0x3fu));
  } else if (c < 0x10000) {
    put(0xe0u | c >> 12);
    put(0x80u | (c >> 6 & 0x3fu));
    put(0x80u | (c & 0x3fu));
  } else {
    put(0xf0u | c >> 18);
    put(0x80u | (c >> 12 & 0x3fu));
    put(0x80u | (c >> 6 & 0x3fu));
    put(0x80u | (c & 0x3fu));
  }
}

/// The characters as UTF-8; nothing when units are cut short or no characters.
std::optional<Buffer> to_utf8(Bytes content, TextForm form) {
  if (form == TextForm::kUtf8) {
    return to_buffer(content);  // compared as it is: invalid UTF-8 only equals itself
  }
  const std::size_t unit = form == TextForm::kFourOctets ? 4 : form == TextForm::kTwoOctets ? 2 : 1;
  if (content.size() % unit != 0) {
    return std::nullopt;
  }
  Buffer out;
  for (std::size_t at = 0; at < content.size(); at += unit) {
    std::uint32_t c = 0;
    for (const std::uint8_t octet : content.subspan(at, unit)) {
      c = c << 8 | octet;
    }
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
      return std::nullopt;
    }
    append_utf8(out, c);
  }
  return out;
}

std::uint8_t to_lower_ascii(std::uint8_t c) {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c + ('a' - 'A')) : c;
}

/// Case folded, outer blanks gone, inner runs of blanks as one.
Buffer fold(Bytes text) {
  Buffer out;
  bool pending_blank = false;
  for (const std::uint8_t c : text) {
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
      pending_blank = !out.empty();
      continue;
    }
    if (pending_blank) {
      out.push_back(' ');
      pending_blank = false;
    }
    out.push_back(to_lower_ascii(c));
  }
  return out;
}

void append_sized(Buffer& out, Bytes part) {
  const auto size = static_cast<std::uint32_t>(part.size());
  for (const unsigned shift : {24u, 16u, 8u, 0u}) {
    out.push_back(static_cast<std::uint8_t>(size >> shift));
  }
  out.insert(out.end(), part.begin(), part.end());
}

Buffer normalize_attribute(const der::NameAttribute& attribute) {
  const auto& [type, value] = attribute;
  Buffer out;
  append_sized(out, type);
  const TextForm form = text_form(value.tag);
  const auto text = form == TextForm::kNone ? std::nullopt : to_utf8(value.content, form);
  if (text) {
    out.push_back(static_cast<std::uint8_t>(Tag::kUtf8String));
    append_sized(out, fold(*text));
  } else {
    out.push_back(static_cast<std::uint8_t>(value.tag));
    append_sized(out, value.content);
  }
  return out;
}

/// Compares URIs: scheme and authority fold, everything behind is exact.
bool same_uri(Bytes a, Bytes b) {
  if (a.size() != b.size()) {
    return false;
  }
  const std::string_view text = as_text(a);
  const std::size_t scheme_end = text.find("://");
  std::size_t folded = 0;
  if (scheme_end != std::string_view::npos) {
    folded = std::min(text.find_first_of("/?#", scheme_end + 3), text.size());
  }
  return iequals(text.substr(0, folded), as_text(b).substr(0, folded)) &&
         equal(a.subspan(folded), b.subspan(folded));
}

}  // namespace

std::optional<Buffer> normalize_rdn(Bytes set_content) {
  std::vector<Buffer> attributes;
  Reader set(set_content);
  while (!set.at_end()) {
    const auto attribute = der::read_name_attribute(set);
    if (!attribute) {
      return std::nullopt;
    }
    attributes.push_back(normalize_attribute(*attribute));
  }
  std::sort(attributes.begin(), attributes.end());
  Buffer rdn;
  for (const Buffer& attribute : attributes) {
    append_sized(rdn, attribute);
  }
  Buffer out;
  append_sized(out, rdn);
  return out;
}

std::optional<Buffer> normalize_name(Bytes name) {
  Reader outer(name);
  auto rdns = outer.enter(Tag::kSequence, "Name");
  if (!rdns || !outer.at_end()) {
    return std::nullopt;
  }
  Buffer out;
  while (!rdns->at_end()) {
    const auto rdn = rdns->read(Tag::kSet, "RelativeDistinguishedName");
    if (!rdn) {
      return std::nullopt;
    }
    const auto normalized = normalize_rdn(*rdn);
    if (!normalized) {
      return std::nullopt;
    }
    out.insert(out.end(), normalized->begin(), normalized->end());
  }
  return out;
}

bool same_name(Bytes a, Bytes b) {
  if (equal(a, b)) {
    return true;
  }
  const auto normalized_a = normalize_name(a);
  const auto normalized_b = normalize_name(b);
  return normalized_a && normalized_b && *normalized_a == *normalized_b;
}

bool same_general_name(Bytes a, Bytes b) {
  if (equal(a, b)) {
    return true;
  }
  const auto name_a = directory_name(a);
  const auto name_b = directory_name(b);
  if (name_a && name_b) {
    return same_name(*name_a, *name_b);
  }
  Reader in_a(a);
  Reader in_b(b);
  const auto element_a = in_a.read_any("GeneralName");
  const auto element_b = in_b.read_any("GeneralName");
  if (!element_a || !element_b || element_a->tag != element_b->tag) {
    return false;
  }
  constexpr Tag kDnsName = der::context_primitive(2);
  if (element_a->tag == der::kGeneralNameUri) {
    return same_uri(element_a->content, element_b->content);
  }
  return element_a->tag == kDnsName &&
         iequals(as_text(element_a->content), as_text(element_b->content));
}

}  // namespace muster::crl
