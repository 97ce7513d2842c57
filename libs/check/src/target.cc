#include "muster/check/target.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "muster/base/text.h"

namespace muster::check {
namespace {

bool is_file_like(const std::string& target) {
  struct stat info {};
  if (target.empty() || target == "-" || target.find('/') != std::string::npos ||
      ::stat(target.c_str(), &info) == 0) {
    return true;
  }
  constexpr std::array<std::string_view, 7> kEndings = {".pem", ".crt", ".cer", ".der",
                                                        ".p7b", ".p7c", ".cert"};
  const std::string lower = to_lower(target);
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

}  // namespace

std::optional<HostTarget> parse_host_target(const std::string& target, const std::string& sni,
                                            const std::vector<std::string>& resolve) {
  if (is_file_like(target)) {
    return std::nullopt;
  }
  HostTarget host;
  host.host = target;
  const auto colon = target.rfind(':');
  const bool bare_v6 = target.front() != '[' && target.find(':') != colon;
  const bool closed_behind =
      colon != std::string::npos && target.find(']', colon) != std::string::npos;
  if (colon != std::string::npos && !bare_v6 && !closed_behind) {
    const auto port = parse_port(std::string_view(target).substr(colon + 1));
    if (!port) {
      return std::nullopt;  // told as a file that is not there
    }
    host.port = *port;
    host.host = target.substr(0, colon);
  }
  host.server_name = sni;
  for (const std::string& entry : resolve) {
    const std::string prefix = host.host + ":" + std::to_string(host.port) + ":";
    if (entry.starts_with(prefix)) {
      host.connect_to = entry.substr(prefix.size());
    }
  }
  return host;
}

}  // namespace muster::check
