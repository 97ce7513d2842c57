#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "muster/base/result.h"
#include "muster/probe/protocol.h"

// What the user named, told apart by its spelling. Nothing is opened or looked up but, for a name
// that could be both, whether there is a file of that name.
namespace muster::check {

/// A TLS server.
struct HostTarget {
  std::string host;  ///< name or address, IPv6 without brackets; empty for a unix socket
  std::uint16_t port = 0;
  probe::Protocol protocol = probe::Protocol::kTls;
  std::string server_name;  ///< empty: the host
  std::string connect_to;   ///< empty: the host
  std::string unix_path;    ///< a unix socket instead of host and port
};

struct FileTarget {
  std::string path;  ///< of a file or directory; "-": standard input
};

/// How names of servers are understood; the same for all targets of one run.
struct TargetOptions {
  /// What is spoken where a target does not say it (--starttls); decides the default port.
  probe::Protocol protocol = probe::Protocol::kTls;
  std::string server_name;           ///< --sni
  std::vector<std::string> resolve;  ///< HOST:PORT:ADDRESS each, as curl has it
};

/// Tells a target by its spelling:
///
///     -                                   standard input
///     unix:/run/server.sock               a TLS server on a unix socket
///     https://host:port/path              a TLS server; path and query say nothing here
///     smtp://host, imap://host:port, ...  the same, by the names of probe::protocol_from_name
///     file:///etc/x.pem                   a file
///     the name of a file that is there    that file; so is whatever else has a '/'
///     host, host:port, 192.0.2.7:993      a TLS server
///     [2001:db8::1]:443, 2001:db8::1      the same
///
/// \return Errors: one sentence that says what is wrong with the name and what was wanted.
Result<std::variant<FileTarget, HostTarget>, std::string> parse_target(
    const std::string& name, const TargetOptions& options);

/// Whether `entry` is HOST:PORT:ADDRESS (--resolve); IPv6 in brackets on either side.
bool is_resolve_entry(std::string_view entry);

}  // namespace muster::check
