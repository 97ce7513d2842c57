#include <algorithm>
#include <cstdio>

#include "command_stapler.h"
#include "muster/keeper/shelf.h"
#include "muster/stapler/inventory.h"
#include "muster/stapler/render.h"
#include "options.h"

namespace muster::app {
namespace {

/// EX_TEMPFAIL: h2o asks again later, and keeps what it has; any other failure turns stapling off
/// until it is started anew.
constexpr int kExitNoStaple = 75;

int complain(int code, const std::string& message) {
  std::fprintf(stderr, "muster stapler print: %s\n", message.c_str());
  return code;
}

}  // namespace

CLI::App* add_print(CLI::App& app, PrintFlags& flags) {
  CLI::App* print =
      app.add_subcommand("print", "write the staple a shelf holds to standard output");
  print->add_option("CERT", flags.certificate, "the certificate with its chain; -: standard input")
      ->required();
  print->add_option("-c,--config", flags.config, "muster.toml")->type_name("FILE");
  print->add_option("--shelf", flags.shelf, "the shelf of a stapler")->type_name("DIR");
  print->add_option("--issuer", flags.issuers, "where issuers are also looked for (repeatable)")
      ->type_name("FILE");
  print->add_option("--form", flags.form, "der, pem, secret (Kubernetes) or sds (Envoy)");
  print->add_option("--name", flags.name, "secret, sds: its name; made from CERT when absent");
  print->add_option("--namespace", flags.k8s_namespace, "secret: its namespace");
  print->add_option("--key", flags.key, "sds: path of the private key that it names")
      ->type_name("FILE");
  print->footer("Exit codes: 0 written, 75 no valid staple now, 64 usage, 66 input.");
  return print;
}

int print_staple(const PrintFlags& flags) {
  Options options;
  if (const auto loaded = load_options(flags.config, options); !loaded) {
    return complain(exit_code_of(loaded.error()), loaded.error().message);
  }
  const std::string shelf_path = flags.shelf.empty() ? options.stapler.shelf : flags.shelf;
  if (shelf_path.empty()) {
    return complain(kExitUsage, "which shelf? (give --shelf DIR, or --config FILE)");
  }
  const auto words = stapler::form_words();
  const auto* const word = std::find(words.data(), words.data() + words.size(), flags.form);
  if (word == words.data() + words.size()) {
    return complain(kExitUsage, "--form is der, pem, secret or sds");
  }
  stapler::TargetOptions target;
  target.form = static_cast<stapler::Form>(word - words.data());
  target.k8s_namespace = flags.k8s_namespace;
  target.key = flags.key;
  if (target.form == stapler::Form::kSds && flags.key.empty()) {
    return complain(kExitUsage, "--form sds needs --key, the path of the private key it names");
  }
  stapler::InventoryOptions inventory_options;
  inventory_options.issuers = options.stapler.issuers;
  inventory_options.issuers.insert(inventory_options.issuers.end(), flags.issuers.begin(),
                                   flags.issuers.end());
  const stapler::Inventory inventory =
      stapler::load_inventory({{flags.certificate, "", flags.name, "", {}}}, inventory_options);
  if (inventory.entries.empty()) {
    return complain(kExitInput, inventory.problems.empty()
                                    ? "no certificate in '" + flags.certificate + "'"
                                    : inventory.problems.front());
  }
  const auto logger = make_logger(options.log);
  const auto shelf = keeper::Shelf::open(shelf_path, keeper::ShelfMode::kFollower,
                                         shelf_policy_of(options.stapler), *logger);
  if (!shelf) {
    return complain(kExitInput, shelf.error().detail);
  }
  const stapler::InventoryEntry& entry = inventory.entries.front();
  const UnixSeconds now = SystemClock().now();
  (*shelf)->set_subjects({entry.watched.subject}, now);
  const auto staple = (*shelf)->find(entry.watched.subject.certificate.fingerprint(), now);
  if (!staple) {
    return complain(kExitNoStaple, "the shelf '" + shelf_path + "' holds no valid staple for '" +
                                       entry.watched.subject.name +
                                       "' now (does `muster stapler` run for this certificate?)");
  }
  const auto content = stapler::render(target, {entry.watched.subject, entry.path}, staple);
  if (std::fwrite(content->data(), 1, content->size(), stdout) != content->size() ||
      std::fflush(stdout) != 0) {
    return complain(kExitNoStaple, "cannot write to standard output");
  }
  return kExitOk;
}

}  // namespace muster::app
