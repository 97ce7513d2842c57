#pragma once

#include "cli.h"
#include "options_check.h"

// The groups of `muster check --help`: each declares its flags and then writes what they say into
// the plan. A new flag belongs into the group where a reader of the help looks for it.
namespace muster::app {

void declare_inputs(CLI::App& app, CheckInputs& inputs);
Result<Unit, InputError> load_inputs(const CheckInputs& inputs, check::Plan& plan);

void declare_trust(CLI::App& app, CheckTrust& trust);
Result<Unit, InputError> load_trust(const CheckTrust& trust, check::Plan& plan);

void declare_sources(CLI::App& app, CheckSources& sources);
Result<Unit, InputError> load_sources(const CheckSources& sources, check::Plan& plan);

/// After the policy, whose values --evidence changes.
Result<Unit, InputError> load_evidence(const CheckSources& sources, const CheckTrust& trust,
                                       check::Plan& plan);

void declare_policy(CLI::App& app, CheckPolicy& policy);
Result<Unit, InputError> load_policy(const CheckPolicy& policy, check::Plan& plan);

void declare_output(CLI::App& app, CheckOutput& output);

/// Names of the groups, as the help has them.
inline constexpr const char* kInputsGroup = "What is checked";
inline constexpr const char* kTrustGroup = "What is trusted";
inline constexpr const char* kSourcesGroup = "Who is asked";
inline constexpr const char* kPolicyGroup = "How it is judged";
inline constexpr const char* kOutputGroup = "What is printed";

/// One group: every flag of it says its value (empty for a switch) and its meaning.
class FlagGroup {
 public:
  FlagGroup(CLI::App& app, const char* group) : app_(app), group_(group) {}

  CLI::Option* text(const char* name, std::string& into, const char* value, const char* meaning);
  /// May be given several times, one value each.
  CLI::Option* texts(const char* name, std::vector<std::string>& into, const char* value,
                     const char* meaning);
  CLI::Option* flag(const char* name, bool& into, const char* meaning);
  CLI::Option* duration(const char* name, std::function<void(Seconds)> set, const char* meaning);
  /// `set` gives back what is wrong with the text; empty: nothing.
  CLI::Option* parsed(const char* name, std::function<std::string(const std::string&)> set,
                      const char* value, const char* meaning);

 private:
  CLI::Option* in_group(CLI::Option* option, const char* value);
  CLI::App& app_;
  const char* group_;
};

/// Where a passphrase comes from, and that there is one: a variable that is not set would show as a
/// wrong passphrase somewhere far away. \param flag  who names it, for errors; empty sources pass
Result<Unit, InputError> check_source(const char* flag, const std::string& source);
/// A certificate with its chain and its private key.
struct OwnFiles {
  const char* flag;  ///< of the certificate: "--client-cert"; the others go with it
  const std::string& certificate;
  const std::string& key;   ///< empty: in the same file
  const std::string& pass;  ///< where its passphrase is
};
/// Nothing where no certificate is named.
Result<std::optional<probe::ClientCertificate>, InputError> load_own(const OwnFiles& files);

/// All certificates of the files. \param option  who names them, for errors.
Result<std::vector<pki::Certificate>, InputError> load_all(const std::vector<std::string>& paths,
                                                           const char* option);
Result<Buffer, InputError> load_octets(const std::string& path, const char* option,
                                       std::size_t limit);

}  // namespace muster::app
