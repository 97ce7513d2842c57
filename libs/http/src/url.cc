#include "muster/http/url.h"

#include <algorithm>
#include <charconv>

#include "muster/base/text.h"

namespace muster::http {
namespace {

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

bool is_address_character(char c) {  // inside the brackets of an IPv6 address
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' ||
         c == '.';
}

bool is_good_host(std::string_view host) {
  if (host.starts_with('[')) {
    return host.size() > 2 && host.ends_with(']') &&
           std::all_of(host.begin() + 1, host.end() - 1, is_address_character);
  }
  return !host.empty() && std::all_of(host.begin(), host.end(), is_host_character);
}

}  // namespace

std::optional<Url> parse_url(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; })) {
    return std::nullopt;
  }
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) {
    return std::nullopt;
  }
  Url url;
  url.scheme = to_lower(text.substr(0, scheme_end));
  if (url.scheme != "http" && url.scheme != "https") {
    return std::nullopt;
  }
  url.port = url.scheme == "http" ? 80 : 443;
  text.remove_prefix(scheme_end + 3);
  text = text.substr(0, text.find('#'));
  const std::size_t authority_end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, authority_end);
  text.remove_prefix(authority_end);
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    const std::string_view digits = authority.substr(colon + 1);
    if (!digits.empty()) {  // "host:" means the default port (RFC 3986 section 3.2.3)
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
      if (error != std::errc{} || end != digits.data() + digits.size() || url.port == 0) {
        return std::nullopt;
      }
    }
    authority = authority.substr(0, colon);
  }
  if (!is_good_host(authority)) {  // user information too ends here: '@' is no host character
    return std::nullopt;
  }
  url.host = to_lower(authority);
  const std::size_t question = text.find('?');
  url.path = text.substr(0, question);
  if (question != std::string_view::npos) {
    url.has_query = true;
    url.query = text.substr(question + 1);
  }
  return url;
}

}  // namespace muster::http
