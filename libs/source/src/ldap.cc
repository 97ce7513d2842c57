#include "muster/source/ldap.h"

#include <algorithm>
#include <array>

#include "muster/base/text.h"
#include "muster/http/base64.h"

namespace muster::source {
namespace {

constexpr std::string_view kDefaultAttribute = "certificateRevocationList;binary";

/// Attribute description without its options, and whether binary is among them.
struct Attribute {
  std::string_view type;
  bool binary = false;
};
Attribute split_attribute(std::string_view description) {
  Attribute attribute{description.substr(0, description.find(';'))};
  for (const std::string_view option : split(description, ';')) {
    attribute.binary = attribute.binary || iequals(option, "binary");
  }
  return attribute;
}

bool holds_crls(std::string_view type) {
  constexpr std::array<std::string_view, 3> kTypes = {
      "certificateRevocationList", "authorityRevocationList", "deltaRevocationList"};
  return std::any_of(kTypes.begin(), kTypes.end(),
                     [&](std::string_view known) { return iequals(known, type); });
}

}  // namespace

bool is_ldap_url(std::string_view url) {
  const std::string scheme = to_lower(url.substr(0, std::min(url.find("://"), url.size())));
  return scheme == "ldap" || scheme == "ldaps";
}

std::optional<std::string> complete_ldap_url(std::string_view url) {
  const bool clean =
      std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!is_ldap_url(url) || !clean) {
    return std::nullopt;
  }
  const std::size_t authority = url.find("://") + 3;
  const std::size_t slash = url.find('/', authority);
  // Without a host the directory of whoever asks is meant (AD CS writes such URLs): there is none
  // here.
  if (slash == std::string_view::npos || slash == authority ||
      url.substr(authority, slash - authority).find('@') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::vector<std::string_view> parts = split(url.substr(slash + 1), '?');
  if (parts[0].empty() || parts.size() > 5) {
    return std::nullopt;
  }
  if (parts.size() > 1 && !parts[1].empty()) {
    return holds_crls(split_attribute(parts[1]).type) ? std::optional(std::string(url))
                                                      : std::nullopt;
  }
  std::string complete(url.substr(0, slash + 1));
  complete += std::string(parts[0]) + "?" + std::string(kDefaultAttribute);
  for (std::size_t i = 2; i < parts.size(); ++i) {
    complete += "?" + std::string(parts[i]);
  }
  return complete;
}

std::optional<std::vector<Buffer>> read_ldap_answer(std::string_view text) {
  std::vector<Buffer> values;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      continue;
    }
    const Attribute attribute = split_attribute(line.substr(0, colon));
    if (!holds_crls(attribute.type)) {
      continue;
    }
    line.remove_prefix(colon + 1);
    const bool base64 = line.starts_with(':') || attribute.binary;
    line.remove_prefix(line.starts_with(':') ? 1 : 0);
    auto value = base64 ? http::base64_decode(trim(line)) : std::nullopt;
    if (!value || values.size() == kMaxLdapValues) {
      return std::nullopt;
    }
    values.push_back(*std::move(value));
  }
  return values.empty() ? std::nullopt : std::optional(std::move(values));
}

}  // namespace muster::source
