#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/check/check.h"

// What `muster check` was told on its command line, and the files that names.
namespace muster::app {

struct CheckOptions {
  std::vector<std::string> targets;
  std::vector<std::string> issuers, roots, responses, crls, responder_certificates, urls, resolve;
  std::string sni, proxy;
  std::optional<UnixSeconds> at;
  std::optional<Seconds> max_age;
  Seconds skew{300};
  Seconds timeout{10};
  bool json = false, online = false, offline = false, all = false, nonce = false, sha1 = false,
       post = false, ask_expired = false, next_update_required = false,
       insecurely_allow_sha1_signatures = false;
};
/// Returns the exit code when there is nothing left to do: after --help, or a message about what is
/// wrong.
std::optional<int> parse_check_options(int argc, char** argv, CheckOptions& options);

struct InputError {
  int exit_code;
  std::string message;  ///< which file, what is wrong, what to do
};
/// The options with their files read. What a chain must lead to: --roots; without them the
/// certificates of --issuer, which the user vouches for, and the anchors of the system.
Result<check::Plan, InputError> load_check_plan(const CheckOptions& options);

}  // namespace muster::app
