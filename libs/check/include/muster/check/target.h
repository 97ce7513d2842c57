#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What the user named.
namespace muster::check {

struct HostTarget {
  std::string host;
  std::uint16_t port = 443;
  std::string server_name;  ///< empty: the host
  std::string connect_to;   ///< empty: the host
};
/// "host", "host:port", "[v6]:port"; nothing for what is the name of an existing file, has a '/',
/// is "-" or ends like a certificate file. \param resolve  HOST:PORT:ADDRESS each, as curl has it.
std::optional<HostTarget> parse_host_target(const std::string& target, const std::string& sni,
                                            const std::vector<std::string>& resolve);

}  // namespace muster::check
