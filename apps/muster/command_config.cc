#include <cstdio>
#include <initializer_list>
#include <map>

#include "cli.h"
#include "muster/base/text.h"
#include "muster/net/address.h"
#include "responder_flags.h"

namespace muster::app {
namespace {

/// Where addresses to listen on are written: "[responder] listen".
struct Listening {
  std::string_view key;
  const std::vector<std::string>& addresses;
};

/// Whether the listeners of one process have addresses, and each its own.
Outcome<Unit> check_addresses(std::initializer_list<Listening> process) {
  std::map<std::string, std::string> taken;  // and by whom
  for (const Listening& listening : process) {
    for (const std::string& written : listening.addresses) {
      const auto parsed = net::SocketAddress::parse(written);
      if (!parsed) {
        return fail(kExitUsage, std::string(listening.key) + ": " + net::to_string(parsed.error()));
      }
      const std::string address = parsed->text();
      if (parsed->family() != AF_UNIX && address.ends_with(":0")) {
        continue;  // a port for each
      }
      const std::string place = "\"" + printable(written) + "\" in " + std::string(listening.key);
      if (const auto [other, is_new] = taken.emplace(address, place); !is_new) {
        return fail(kExitUsage, other->second + " and " + place +
                                    " are one address; give each listener its own");
      }
    }
  }
  return Unit{};
}

/// What each command would say of its own settings before it opens a file.
Outcome<Unit> check_commands(const Options& options) {
  MUSTER_TRY(const node::NodeOptions responder, node_options(options, "-"));
  for (const responder::IssuerFiles& issuer : responder.issuers) {
    if (const auto checked = responder::check_options(issuer); !checked) {
      return fail(kExitUsage, checked.error().detail);
    }
  }
  MUSTER_CHECK(check_addresses({{"[responder] listen", options.responder.listen},
                                {"[responder.admin] listen", options.admin.admin.listen},
                                {"[responder.push] listen", options.push.push.listen},
                                {"[responder.batch] listen", options.batch.batch.listen},
                                {"[publish] listen", options.publish.listen}}));
  MUSTER_CHECK(check_addresses({{"[edge] listen", options.edge.edge.service.listen},
                                {"[edge.admin] listen", options.edge.admin.admin.listen}}));
  MUSTER_CHECK(check_addresses({{"[relay] listen", options.relay.relay.relay.listen},
                                {"[relay.admin] listen", options.relay.admin.admin.listen}}));
  MUSTER_CHECK(check_addresses({{"[stapler.admin] listen", options.stapler.admin.admin.listen}}));
  MUSTER_CHECK(check_addresses({{"[front] listen", options.front.listen}}));
  if (!options.front.upstream.empty()) {
    if (const auto wrong =
            front::find_upstream_problem(options.front.upstream, options.front.listen)) {
      return fail(kExitUsage, "[front] " + *wrong);
    }
  }
  std::vector<stapler::TargetOptions> targets = options.stapler.targets;
  if (const auto wrong = stapler::check_targets(targets)) {
    return fail(kExitUsage, "[[stapler.target]] " + *wrong);
  }
  return Unit{};
}

}  // namespace

int run_config(int argc, char** argv) {
  CLI::App app("Checks muster.toml, or prints the reference of every key.", "muster config");
  app.require_subcommand(1);
  std::string path;
  CLI::App* check =
      app.add_subcommand("check", "say whether a file is right, without starting anything");
  check->add_option("FILE", path, "the configuration file")->required();
  CLI::App* reference = app.add_subcommand(
      "reference", "print every key with type, unit, default and meaning (Markdown)");
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }

  Options options;
  if (*reference) {
    config::Section root;
    bind(root, options);
    std::printf(
        "# muster.toml\n\nWritten by `./run docs` from the program itself. Unknown keys are "
        "errors. Flags of a command override the file.\n%s",
        config::reference(root).c_str());
    return kExitOk;
  }
  if (path.empty()) {
    std::fprintf(stderr, "muster config: FILE is empty text: an unset variable of a script?\n");
    return kExitUsage;
  }
  const auto loaded = load_options(path, options);
  if (!loaded) {
    std::fprintf(stderr, "muster config: %s\n", loaded.error().message.c_str());
    return exit_code_of(loaded.error());
  }
  if (const auto kept = check_store(options); !kept) {
    std::fprintf(stderr, "muster config: %s: %s\n", path.c_str(), kept.error().message.c_str());
    return kept.error().exit_code;
  }
  if (const auto fit = check_commands(options); !fit) {
    std::fprintf(stderr, "muster config: %s: %s\n", path.c_str(), fit.error().message.c_str());
    return fit.error().exit_code;
  }
  std::printf("%s: every key is known and has a fit value; the files it names were not opened\n",
              path.c_str());
  return kExitOk;
}

}  // namespace muster::app
