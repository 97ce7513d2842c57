#include "xml_tags.h"

#include <algorithm>

namespace muster::probe {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/// Letters, digits, what names may have beside them, and any octet beyond ASCII.
bool is_name_octet(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == ':' || static_cast<unsigned char>(c) >= 0x80;
}

void skip_space(std::string_view& text) {
  text.remove_prefix(static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_space) -
                                              text.begin()));
}

std::string_view take_name(std::string_view& text) {
  const auto size = static_cast<std::size_t>(
      std::find_if_not(text.begin(), text.end(), is_name_octet) - text.begin());
  const std::string_view name = text.substr(0, size);
  text.remove_prefix(size);
  return name;
}

/// Where the '>' of a tag is: not one in the value of an attribute.
std::size_t find_end(std::string_view from) {
  char quote = '\0';
  for (std::size_t i = 0; i < from.size(); ++i) {
    const char c = from[i];
    if (quote != '\0') {
      quote = c == quote ? '\0' : quote;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '>') {
      return i;
    }
  }
  return std::string_view::npos;
}

/// name = 'value', as often as there are any. False for malformed ones.
bool read_attributes(std::string_view& rest, XmlTag& tag) {
  for (;;) {
    const bool apart = !rest.empty() && is_space(rest.front());
    skip_space(rest);
    if (rest.empty()) {
      return true;
    }
    const std::string_view name = take_name(rest);
    skip_space(rest);
    if (!apart || name.empty() || !rest.starts_with('=')) {
      return false;
    }
    rest.remove_prefix(1);
    skip_space(rest);
    if (rest.empty() || (rest.front() != '\'' && rest.front() != '"')) {
      return false;
    }
    const std::size_t end = rest.find(rest.front(), 1);
    if (end == std::string_view::npos || rest.substr(0, end).find('<') != std::string_view::npos) {
      return false;
    }
    tag.attributes.emplace_back(name, rest.substr(1, end - 1));
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

Result<XmlTag, XmlErrc> read_xml_tag(std::string_view from) {
  if (from.size() > 1 && from[1] == '!') {
    return Err{XmlErrc::kMalformed};
  }
  const std::size_t end = find_end(from);
  if (end == std::string_view::npos) {
    return Err{XmlErrc::kIncomplete};
  }
  XmlTag tag;
  tag.size = end + 1;
  std::string_view rest = from.substr(1, end - 1);
  if (rest.starts_with('?')) {
    if (!rest.ends_with('?') || rest.size() < 2) {
      return Err{XmlErrc::kMalformed};
    }
    tag.kind = XmlTag::Kind::kDeclaration;
    rest = rest.substr(1, rest.size() - 2);
  } else if (rest.starts_with('/')) {
    tag.kind = XmlTag::Kind::kClose;
    rest.remove_prefix(1);
  } else if (rest.ends_with('/')) {
    tag.kind = XmlTag::Kind::kEmpty;
    rest.remove_suffix(1);
  }
  tag.name = take_name(rest);
  const bool good = !tag.name.empty() && read_attributes(rest, tag) &&
                    (tag.kind != XmlTag::Kind::kClose || tag.attributes.empty()) &&
                    (tag.kind != XmlTag::Kind::kDeclaration || tag.name == "xml");
  return good ? Result<XmlTag, XmlErrc>(std::move(tag)) : Err{XmlErrc::kMalformed};
}

const std::string* XmlScope::meaning_of(std::string_view prefix) const {
  for (auto element = open_.rbegin(); element != open_.rend(); ++element) {
    for (const auto& [name, space] : element->prefixes) {
      if (name == prefix) {
        return &space;
      }
    }
  }
  return nullptr;
}

Result<XmlName, XmlErrc> XmlScope::open(const XmlTag& tag) {
  constexpr std::string_view kXmlns = "xmlns";
  if (open_.size() == kMaxDepth) {
    return Err{XmlErrc::kMalformed};
  }
  Open& element = open_.emplace_back();
  element.qualified = tag.name;
  for (const auto& [name, value] : tag.attributes) {
    if (name == kXmlns) {
      element.prefixes.emplace_back("", value);
    } else if (name.starts_with("xmlns:")) {
      element.prefixes.emplace_back(name.substr(kXmlns.size() + 1), value);
    }
  }
  const std::size_t colon = tag.name.find(':');
  const std::string_view prefix =
      colon == std::string_view::npos ? std::string_view() : tag.name.substr(0, colon);
  const std::string* space = meaning_of(prefix);
  if (space == nullptr && !prefix.empty()) {
    return Err{XmlErrc::kMalformed};
  }
  element.name = {space == nullptr ? std::string() : *space,
                  std::string(tag.name.substr(colon == std::string_view::npos ? 0 : colon + 1))};
  return element.name;
}

Result<XmlName, XmlErrc> XmlScope::close(std::optional<std::string_view> name) {
  if (open_.empty() || (name && *name != open_.back().qualified)) {
    return Err{XmlErrc::kMalformed};
  }
  XmlName closed = std::move(open_.back().name);
  open_.pop_back();
  return closed;
}

}  // namespace muster::probe
