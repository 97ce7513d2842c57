#include "options_check.h"

#include <utility>

#include "muster/base/text.h"
#include "options_check_parts.h"
#include "options_responder.h"

namespace muster::app {
namespace {

constexpr const char* kExitCodes =
    R"(Exit code, the worst target's: 0 good  1 revoked  2 unknown  3 undetermined
4 unacceptable answer  5 good, with a warning  64 usage  66 input  70 internal
Examples and the whole story: docs/operating/check.md)";

}  // namespace

// ---- the groups' tools --------------------------------------------------------------------------

CLI::Option* FlagGroup::in_group(CLI::Option* option, const char* value) {
  return option->group(group_)->option_text(value);
}

CLI::Option* FlagGroup::text(const char* name, std::string& into, const char* value,
                             const char* meaning) {
  return in_group(app_.add_option(name, into, meaning), value);
}

CLI::Option* FlagGroup::texts(const char* name, std::vector<std::string>& into, const char* value,
                              const char* meaning) {
  return in_group(app_.add_option(name, into, meaning)->allow_extra_args(false), value);
}

CLI::Option* FlagGroup::flag(const char* name, bool& into, const char* meaning) {
  return in_group(app_.add_flag(name, into, meaning), "");
}

CLI::Option* FlagGroup::parsed(const char* name, std::function<std::string(const std::string&)> set,
                               const char* value, const char* meaning) {
  const auto take = [name, set = std::move(set)](const std::string& text) {
    if (const std::string problem = set(text); !problem.empty()) {
      throw CLI::ValidationError(name, "'" + printable(text) + "' " + problem);
    }
  };
  return in_group(app_.add_option_function<std::string>(name, take, meaning), value);
}

CLI::Option* FlagGroup::duration(const char* name, std::function<void(Seconds)> set,
                                 const char* meaning) {
  return parsed(
      name,
      [set = std::move(set)](const std::string& text) -> std::string {
        const auto duration = parse_duration(text);
        if (!duration) {
          return "is not a duration (90s, 15m, 24h, 7d)";
        }
        set(*duration);
        return "";
      },
      "TIME", meaning);
}

Result<std::vector<pki::Certificate>, InputError> load_all(const std::vector<std::string>& paths,
                                                           const char* option) {
  std::vector<pki::Certificate> out;
  for (const std::string& path : paths) {
    const auto loaded = pki::load_certificates(path);
    if (!loaded) {
      return Err{InputError{kExitInput, std::string(option) + ": " + loaded.error().detail}};
    }
    out.insert(out.end(), loaded->begin(), loaded->end());
  }
  return out;
}

Result<Buffer, InputError> load_octets(const std::string& path, const char* option,
                                       std::size_t limit) {
  auto octets = read_file(path, limit);
  if (!octets) {
    return Err{InputError{kExitInput, std::string(option) + ": " + to_string(octets.error())}};
  }
  return *std::move(octets);
}

Result<Unit, InputError> check_source(const char* flag, const std::string& source) {
  if (source.empty()) {
    return Unit{};
  }
  if (const std::string problem = check_key_pass(source); !problem.empty()) {
    return Err{InputError{kExitUsage, std::string(flag) + " " + problem}};
  }
  if (!passphrase_of(source)()) {
    return Err{InputError{kExitInput, std::string(flag) + ": nothing can be read from " +
                                          printable(source) +
                                          " (is the variable set, or the file there?)"}};
  }
  return Unit{};
}

Result<std::optional<probe::ClientCertificate>, InputError> load_own(const OwnFiles& files) {
  const std::string flag = files.flag;
  const std::string stem = flag.substr(0, flag.rfind('-'));
  MUSTER_CHECK(check_source((stem + "-pass").c_str(), files.pass));
  if (files.certificate.empty()) {
    if (files.key.empty() && files.pass.empty()) {
      return std::optional<probe::ClientCertificate>();
    }
    return Err{
        InputError{kExitUsage, stem + "-key and " + stem + "-pass say nothing without " + flag}};
  }
  auto loaded =
      probe::load_client_certificate(files.certificate, files.key, passphrase_of(files.pass));
  if (!loaded) {
    const bool locked = loaded.error().code == pki::PkiErrc::kWrongPassphrase;
    return Err{InputError{kExitInput, flag + ": " + loaded.error().detail +
                                          (locked ? " (" + stem + "-pass names it)" : "")}};
  }
  return std::optional(*std::move(loaded));
}

// ---- the smaller groups -------------------------------------------------------------------------

void declare_trust(CLI::App& app, CheckTrust& trust) {
  FlagGroup group(app, kTrustGroup);
  group.texts("--issuer,--chain", trust.issuers, "FILE",
              "where the issuer may be found; trusted when there is no --roots");
  group.texts("--roots", trust.roots, "FILE",
              "trust these alone (default: --issuer and the system's)");
  group.texts("--responder-cert", trust.responder_certificates, "FILE",
              "a signer of answers trusted for the issuer");
  group.flag("--insecurely-allow-sha1-signatures", trust.insecurely_allow_sha1_signatures,
             "accept what anybody with money can forge");
}

Result<Unit, InputError> load_trust(const CheckTrust& trust, check::Plan& plan) {
  MUSTER_TRY(plan.issuers, load_all(trust.issuers, "--issuer"));
  MUSTER_TRY(plan.anchors, load_all(trust.roots, "--roots"));
  if (trust.roots.empty()) {
    plan.anchors = plan.issuers;
    std::vector<pki::Certificate> system = pki::system_anchors();
    std::move(system.begin(), system.end(), std::back_inserter(plan.anchors));
  }
  MUSTER_TRY(plan.gather.verify.trusted_responders,
             load_all(trust.responder_certificates, "--responder-cert"));
  plan.gather.verify.algorithms.insecurely_allow_sha1 = trust.insecurely_allow_sha1_signatures;
  return Unit{};
}

void declare_policy(CLI::App& app, CheckPolicy& policy) {
  FlagGroup group(app, kPolicyGroup);
  std::string names;
  for (const client::Policy& known : client::all_policies()) {
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  group.parsed(
      "--policy",
      [&policy, names](const std::string& text) {
        policy.name = text;
        return client::find_policy(text) != nullptr ? "" : "is not one of " + names;
      },
      "NAME", ("what evidence amounts to: " + names).c_str());
  group.parsed(
      "--at",
      [&policy](const std::string& text) {
        policy.at = parse_iso8601(text);
        return policy.at ? "" : "is not a time (2026-11-24T10:00:00Z, 2026-11-24, @unix)";
      },
      "TIME", "judge at this instant: 2026-11-24T10:00:00Z");
  group.duration(
      "--max-age", [&policy](Seconds d) { policy.max_age = d; }, "oldest thisUpdate: 7d, 12h");
  group.duration(
      "--skew", [&policy](Seconds d) { policy.skew = d; }, "how far clocks may differ (5m)");
  group.flag("--next-update-required", policy.next_update_required,
             "refuse answers that do not say when the next comes");
}

Result<Unit, InputError> load_policy(const CheckPolicy& policy, check::Plan& plan) {
  if (!policy.name.empty()) {
    plan.gather.policy = *client::find_policy(policy.name);
  }
  client::VerifyPolicy& verify = plan.gather.verify;
  verify.future_skew = policy.skew;
  verify.max_age = policy.max_age;
  verify.next_update = policy.next_update_required ? client::NextUpdatePolicy::kRequired
                                                   : client::NextUpdatePolicy::kOptional;
  return Unit{};
}

// ---- all of them --------------------------------------------------------------------------------

std::optional<int> parse_check_options(int argc, char** argv, CheckOptions& o) {
  CLI::App app("Does this certificate still stand? From all evidence, in one word.",
               "muster check");
  app.get_formatter()->label("Positionals", "Targets");
  declare_inputs(app, o.inputs);
  declare_trust(app, o.trust);
  declare_sources(app, o.sources);
  declare_policy(app, o.policy);
  declare_output(app, o.output);
  app.set_help_flag("-h,--help", "this text");  // anew, so that it comes last
  app.get_help_ptr()->group(kOutputGroup);
  app.footer(kExitCodes);
  std::vector<std::string> words = with_watch_value(argc, argv);
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  return parse_command_line(app, static_cast<int>(pointers.size()), pointers.data());
}

Result<check::Plan, InputError> load_check_plan(const CheckOptions& o) {
  check::Plan plan;
  CheckSources sources = o.sources;
  MUSTER_CHECK(load_trust(o.trust, plan));
  MUSTER_CHECK(load_inputs(o.inputs, plan));
  if (plan.inputs.targets.empty() && plan.inputs.serials.empty()) {
    // With nothing else named, a saved response is judged about what it names itself.
    plan.inputs.targets = std::exchange(sources.responses, {});
  }
  if (plan.inputs.targets.empty() && plan.inputs.serials.empty()) {
    return Err{InputError{kExitUsage,
                          "name a TARGET (a file, a directory, host[:port]), or --targets-from, "
                          "--serial, --response; see --help"}};
  }
  MUSTER_CHECK(load_sources(sources, plan));
  MUSTER_CHECK(load_policy(o.policy, plan));
  MUSTER_CHECK(load_evidence(o.sources, o.trust, plan));
  return plan;
}

}  // namespace muster::app
