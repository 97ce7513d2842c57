#include "options_check_parts.h"

namespace muster::app {

void declare_inputs(CLI::App& app, CheckInputs& inputs) {
  app.add_option("TARGET", inputs.targets,
                 "a file of certificates (PEM, DER, PKCS#7; chains, bundles) or host[:port]")
      ->required()
      ->option_text("...");
  FlagGroup group(app, kInputsGroup);
  group.flag("--all", inputs.all, "issuers of a file or handshake too");
  group.text("--sni", inputs.sni, "NAME", "server name to ask for (default: the host)");
  group.texts("--resolve", inputs.resolve, "HOST:PORT:ADDRESS",
              "connect there instead, as curl does");
}

Result<Unit, InputError> load_inputs(const CheckInputs& inputs, check::Plan& plan) {
  plan.sni = inputs.sni;
  plan.resolve = inputs.resolve;
  plan.all = inputs.all;
  return Unit{};
}

}  // namespace muster::app
