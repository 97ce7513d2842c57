#include "muster/check/target.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "muster/base/ip.h"
#include "muster/base/text.h"

namespace muster::check {
namespace {

using Parsed = Result<std::variant<FileTarget, HostTarget>, std::string>;

constexpr std::size_t kMaxHostOctets = 255;
/// sun_path of Linux, with its end.
constexpr std::size_t kMaxSocketPath = 107;

std::string quoted(std::string_view text) { return "'" + printable(text) + "'"; }

bool is_there(const std::string& name) {
  struct stat info {};
  return ::stat(name.c_str(), &info) == 0;
}

/// Words that end like a file and are not there are files with a wrong name, not servers.
bool ends_like_a_file(const std::string& name) {
  constexpr std::array<std::string_view, 15> kEndings = {".pem", ".crt",  ".cer",  ".der", ".p7b",
                                                         ".p7c", ".cert", ".p12",  ".pfx", ".p7",
                                                         ".ors", ".ocsp", ".yaml", ".yml", ".json"};
  const std::string lower = to_lower(name);
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view end) { return lower.ends_with(end); });
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    return std::nullopt;
  }
  return port;
}

/// "fe80::1%eth0" too.
bool is_ipv6(std::string_view text) {
  const std::size_t zone = text.find('%');
  if (zone != std::string_view::npos && zone + 1 == text.size()) {
    return false;
  }
  text = text.substr(0, zone);
  return text.find(':') != std::string_view::npos && IpAddress::parse(text).has_value();
}

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxHostOctets && text.front() != '-' &&
         text.front() != '.' && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_';
         });
}

struct Authority {
  std::string host;  ///< IPv6 without brackets
  std::optional<std::uint16_t> port;
};

/// host, host:port, [v6], [v6]:port, v6.
Result<Authority, std::string> parse_authority(std::string_view text) {
  const auto wrong = [text](const std::string& why) {
    return Err{quoted(text) + " " + why + "; wanted: host[:port], [IPv6]:port or IPv6"};
  };
  if (std::any_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; })) {
    return wrong("is not ASCII: write an international name in its xn-- form");
  }
  if (text.find('@') != std::string_view::npos) {
    return wrong("has user information, which is not taken");
  }
  Authority authority;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || !is_ipv6(text.substr(1, close - 1))) {
      return wrong("has no IPv6 address between brackets");
    }
    authority.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!port.empty() && port.front() != ':') {
      return wrong("goes on behind the ']' without a ':'");
    }
  } else if (is_ipv6(text)) {
    authority.host = text;
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    authority.host = text.substr(0, colon);
    port = text.substr(colon);
    if (!is_host_name(authority.host)) {
      return wrong("is neither a file that is there nor the name of a host");
    }
  }
  if (!port.empty()) {
    authority.port = parse_port(port.substr(1));
    if (!authority.port) {
      return wrong("has a port that is none (1 to 65535)");
    }
  }
  return authority;
}

/// The address that --resolve gives for this host and port; empty: none.
std::string connect_address(const HostTarget& host, const std::vector<std::string>& resolve) {
  const bool is_v6 = host.host.find(':') != std::string::npos;
  const std::string prefix =
      (is_v6 ? "[" + host.host + "]" : host.host) + ":" + std::to_string(host.port) + ":";
  for (const std::string& entry : resolve) {
    if (entry.size() > prefix.size() && iequals(entry.substr(0, prefix.size()), prefix)) {
      return entry.substr(prefix.size());
    }
  }
  return "";
}

Parsed make_host(std::string_view authority_text, probe::Protocol protocol,
                 const TargetOptions& options) {
  MUSTER_TRY(const Authority authority, parse_authority(authority_text));
  HostTarget host;
  host.host = authority.host;
  host.port = authority.port.value_or(probe::default_port(protocol));
  host.protocol = protocol;
  host.server_name = options.server_name;
  host.connect_to = connect_address(host, options.resolve);
  return std::variant<FileTarget, HostTarget>(std::move(host));
}

Parsed parse_socket(const std::string& path, const TargetOptions& options) {
  if (path.empty() || path.size() > kMaxSocketPath || path.find('\0') != std::string::npos) {
    return Err{"'unix:' wants the path of a socket, of at most " + std::to_string(kMaxSocketPath) +
               " octets, behind it"};
  }
  HostTarget host;
  host.protocol = options.protocol;
  host.server_name = options.server_name;
  host.unix_path = path;
  return std::variant<FileTarget, HostTarget>(std::move(host));
}

std::string known_schemes() {
  std::string out = "https";
  for (const probe::Protocol protocol : probe::all_protocols()) {
    out += ", " + std::string(probe::to_string(protocol));
  }
  return out + ", file";
}

Parsed parse_url(std::string_view scheme, std::string_view rest, const TargetOptions& options) {
  if (iequals(scheme, "file")) {
    if (!rest.starts_with('/')) {
      return Err{std::string("'file://' wants an absolute path: file:///etc/x.pem")};
    }
    return std::variant<FileTarget, HostTarget>(FileTarget{std::string(rest)});
  }
  if (iequals(scheme, "http")) {
    return Err{std::string("an http:// server shows no certificate; wanted: https://")};
  }
  const auto protocol = probe::protocol_from_name(scheme);
  if (!protocol) {
    return Err{"the scheme " + quoted(scheme) + " is not known here; known: " + known_schemes()};
  }
  return make_host(rest.substr(0, rest.find_first_of("/?#")), *protocol, options);
}

}  // namespace

Parsed parse_target(const std::string& name, const TargetOptions& options) {
  if (name.empty()) {
    return Err{std::string("a target without a name: an unset variable of a script?")};
  }
  if (name == "-") {
    return std::variant<FileTarget, HostTarget>(FileTarget{name});
  }
  if (name.starts_with("unix:")) {
    return parse_socket(name.substr(5), options);
  }
  if (const std::size_t at = name.find("://"); at != std::string::npos && at != 0) {
    const std::string_view text = name;
    return parse_url(text.substr(0, at), text.substr(at + 3), options);
  }
  if (is_there(name) || name.find('/') != std::string::npos || ends_like_a_file(name)) {
    return std::variant<FileTarget, HostTarget>(FileTarget{name});
  }
  return make_host(name, options.protocol, options);
}

bool is_resolve_entry(std::string_view entry) {
  const std::size_t close = entry.starts_with('[') ? entry.find(']') : 0;
  if (close == std::string_view::npos) {
    return false;
  }
  const std::size_t colon = entry.find(':', close);
  const std::size_t second = colon == std::string_view::npos ? colon : entry.find(':', colon + 1);
  return second != std::string_view::npos && colon > 0 &&
         parse_port(entry.substr(colon + 1, second - colon - 1)) && second + 1 < entry.size();
}

}  // namespace muster::check
