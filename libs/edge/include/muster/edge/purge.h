#pragma once

#include <string>
#include <vector>

#include "muster/base/log.h"
#include "muster/base/time.h"

// Telling caches what they must forget, by a command of the operator.
namespace muster::edge {

struct PurgeOptions {
  /// Program and arguments, run without a shell; empty: nobody is told. It reads lines from its
  /// standard input: "get URL" for each spelling of a request's GET, "post URL SHA256" with the
  /// digest of the request's octets (hexadecimal) for its POST. All of them were done if it exits
  /// with 0.
  std::vector<std::string> command;
  std::string url = "/";         ///< the responder's, as caches know it: what lines begin with
  Milliseconds timeout{30'000};  ///< for one run; then it is killed with its children
  unsigned tries = 3;            ///< of a run
  Milliseconds pause{1'000};     ///< between them, doubled each time
  std::size_t requests_per_run = 500;
};

struct PurgeReport {
  std::uint64_t runs = 0, failures = 0;
  std::size_t purged = 0;               ///< requests
  std::vector<std::string> not_purged;  ///< requests in base64: to be tried again
};

/// What the command reads for these requests (base64).
std::string purge_lines(const std::vector<std::string>& requests, const std::string& url);

/// Runs the command for all requests (base64 each), until a run failed as often as it is tried: all
/// from there on are not purged. Blocks. Logs each failure.
PurgeReport purge(const PurgeOptions& options, const std::vector<std::string>& requests,
                  Logger& logger);

}  // namespace muster::edge
