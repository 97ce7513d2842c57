#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/check/plan.h"
#include "options_check_output.h"

// What `muster check` was told on its command line, and the files that names. Each group of the
// help has its struct here and its functions in options_check_parts.h.
namespace muster::app {

/// "What is checked".
struct CheckInputs {
  std::vector<std::string> targets, lists, serials, resolve;
  std::vector<std::string> passphrases;  ///< where they are: "file:PATH" or "env:NAME"
  probe::Protocol protocol = probe::Protocol::kTls;
  std::string sni;
  std::string client_certificate, client_key, client_pass;
  std::optional<unsigned> jobs;
  bool all = false;  ///< what is the default now
  bool leaf_only = false;
};

/// "What is trusted".
struct CheckTrust {
  std::vector<std::string> issuers, roots, responder_certificates;
  bool insecurely_allow_sha1_signatures = false;
};

/// "Who is asked": evidence at hand, and questions to others.
struct CheckSources {
  std::vector<std::string> responses, crls, urls;
  std::string proxy;
  Seconds timeout{10};
  std::string evidence;      ///< empty: as the policy says
  std::string cache;         ///< empty: where the user's caches are
  std::string ca_for_fetch;  ///< empty: --roots
  Seconds deadline{30};
  bool no_cache = false;
  bool online = false, offline = false, nonce = false, sha1 = false, post = false,
       ask_expired = false;
  bool list_algorithms = false, list_types = false;
  std::string requestor_certificate, requestor_key, requestor_pass;
};

/// "How it is judged".
struct CheckPolicy {
  std::string name;  ///< empty: the default
  std::optional<UnixSeconds> at;
  std::optional<Seconds> max_age;
  Seconds skew{300};
  bool next_update_required = false;
};

struct CheckOptions {
  CheckInputs inputs;
  CheckTrust trust;
  CheckSources sources;
  CheckPolicy policy;
  CheckOutput output;
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
