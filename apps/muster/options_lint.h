#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli.h"
#include "muster/lint/report.h"

// What `muster lint` was told on its command line, and the files that names.
namespace muster::app {

enum class LintFormat : std::uint8_t { kText, kJson, kJunit };

struct LintOptions {
  std::vector<std::string> targets;
  std::vector<std::string> profiles, issuers, certificates, known_signers, trusted_responders;
  std::string serial, proxy;
  std::optional<UnixSeconds> at;
  Seconds timeout{10};
  LintFormat format = LintFormat::kText;
  lint::Level fail_on = lint::Level::kMust;
  bool list_rules = false, dry_run = false;
};
/// Returns the exit code when there is nothing left to do: after --help, or a message about what is
/// wrong.
std::optional<int> parse_lint_options(int argc, char** argv, LintOptions& options);

/// The options with their files read.
struct LintInput {
  lint::ProfileSet profiles = 0;
  std::vector<pki::Certificate> issuers, certificates, known_signers, trusted_responders;
  std::optional<Serial> serial;
};
Outcome<LintInput> load_lint_input(const LintOptions& options);

/// One thing to look at, by the name the user gave or that was found in his directory.
struct LintTarget {
  std::string name;
  bool is_url = false;
};
/// Directories replaced by the files in them that end as responses, CRLs and certificates do
/// (.ors .der .ocsp .resp .crl .pem .crt .cer), in order. Errors: kExitInput, kExitUsage.
Outcome<std::vector<LintTarget>> find_lint_targets(const std::vector<std::string>& words);

/// What is in a file: a subject for each response, CRL and signer certificate. Errors: kExitInput.
Outcome<std::vector<lint::Subject>> load_lint_subjects(const std::string& path,
                                                       const LintInput& input, UnixSeconds now);
/// The issuer and serial that a live responder is asked about. Errors: kExitUsage.
struct LintQuestion {
  pki::Certificate issuer;
  std::optional<pki::Certificate> certificate;
  Serial serial;
};
Outcome<LintQuestion> choose_lint_question(const LintInput& input);

}  // namespace muster::app
