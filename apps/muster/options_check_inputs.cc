#include <charconv>

#include "muster/base/text.h"
#include "muster/check/prepare.h"
#include "muster/check/scan.h"
#include "options_check_parts.h"
#include "options_responder.h"

namespace muster::app {
namespace {

constexpr std::size_t kMaxListBytes = std::size_t{16} << 20;

Err<InputError> usage(std::string message) {
  return Err{InputError{kExitUsage, std::move(message)}};
}

std::string protocol_names() {
  std::string out;
  for (const probe::Protocol protocol : probe::all_protocols()) {
    if (probe::has_starttls(protocol)) {
      out += (out.empty() ? "" : ", ") + std::string(probe::to_string(protocol));
    }
  }
  return out;
}

Result<Unit, InputError> read_lists(const CheckInputs& inputs, check::Plan& plan) {
  std::size_t from_standard_input = 0;
  for (const std::string& target : inputs.targets) {
    from_standard_input += target == "-" ? 1U : 0U;
  }
  for (const std::string& path : inputs.lists) {
    from_standard_input += path == "-" ? 1U : 0U;
  }
  if (from_standard_input > 1) {
    return usage("standard input ('-') can be read once");
  }
  plan.inputs.targets = inputs.targets;
  for (const std::string& path : inputs.lists) {
    MUSTER_TRY(const Buffer text, load_octets(path, "--targets-from", kMaxListBytes));
    auto targets = check::parse_target_list(text);
    if (!targets) {
      return Err{
          InputError{kExitInput, "--targets-from " + printable(path) + ": " + targets.error()}};
    }
    std::move(targets->begin(), targets->end(), std::back_inserter(plan.inputs.targets));
  }
  return Unit{};
}

}  // namespace

void declare_inputs(CLI::App& app, CheckInputs& inputs) {
  app.add_option(
         "TARGET", inputs.targets,
         "a file (certificates in PEM, DER, PKCS#7, PKCS#12; an OCSP response; a Kubernetes "
         "manifest), a directory, - for standard input, or a server: host[:port], an "
         "address, unix:PATH, https://host, smtp://host, ...")
      ->option_text("...");
  FlagGroup group(app, kInputsGroup);
  group.texts("--targets-from", inputs.lists, "FILE",
              "more targets, one a line, # for comments; - is standard input");
  group.texts("--serial", inputs.serials, "HEX",
              "a serial of the CA of --issuer, with no certificate at hand: 04A1, 04:a1, 0x4a1, "
              "decimal=1185");
  group.flag("--leaf-only", inputs.leaf_only, "leave the issuers out");
  group.flag("--all", inputs.all, "of older versions: issuers too, now the default");
  group.parsed(
      "--jobs",
      [&inputs](const std::string& text) -> std::string {
        unsigned jobs = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), jobs);
        const bool whole = error == std::errc() && end == text.data() + text.size();
        inputs.jobs = jobs;
        return whole && jobs >= 1 && jobs <= check::kMaxJobs
                   ? ""
                   : "is not a number from 1 to " + std::to_string(check::kMaxJobs);
      },
      "N", "targets under way at once (as many as this machine keeps up with)");
  group.texts("--pass", inputs.passphrases, "SOURCE",
              "passphrase of PKCS#12 files: file:PATH or env:NAME; an empty one is tried anyway");
  group.parsed(
      "--starttls",
      [&inputs](const std::string& text) -> std::string {
        const auto protocol = probe::protocol_from_name(text);
        if (!protocol) {
          return "is no protocol; known: " + protocol_names();
        }
        inputs.protocol = *protocol;
        return "";
      },
      "NAME",
      "what servers speak before TLS, and so their port, where the target does not say it: smtp, "
      "imap, ldap, postgres, ...");
  group.text("--sni", inputs.sni, "NAME", "server name to ask for (default: the host)");
  group.texts("--resolve", inputs.resolve, "HOST:PORT:ADDR", "connect there instead, as curl does")
      ->check([](const std::string& entry) {
        return check::is_resolve_entry(entry)
                   ? std::string()
                   : "'" + printable(entry) + "' is not HOST:PORT:ADDRESS";
      });
  group.text("--client-cert", inputs.client_certificate, "FILE",
             "shown to servers that ask for one: PEM or PKCS#12");
  group.text("--client-key", inputs.client_key, "FILE", "its key (default: in the same file)");
  group.text("--client-pass", inputs.client_pass, "SOURCE", "of that key: file:PATH or env:NAME");
}

Result<Unit, InputError> load_inputs(const CheckInputs& inputs, check::Plan& plan) {
  check::Inputs& to = plan.inputs;
  plan.leaf_only = inputs.leaf_only;
  to.target_options = {inputs.protocol, inputs.sni, inputs.resolve};
  for (const std::string& source : inputs.passphrases) {
    MUSTER_CHECK(check_source("--pass", source));
    to.passphrases.push_back(passphrase_of(source));
  }
  for (const std::string& text : inputs.serials) {
    auto serial = check::parse_serial(text);
    if (!serial) {
      return usage("--serial: " + serial.error());
    }
    to.serials.push_back(*serial);
  }
  MUSTER_CHECK(read_lists(inputs, plan));
  MUSTER_TRY(plan.client_certificate, load_own({"--client-cert", inputs.client_certificate,
                                                inputs.client_key, inputs.client_pass}));
  return Unit{};
}

}  // namespace muster::app
