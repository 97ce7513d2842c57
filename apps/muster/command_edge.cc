#include "node_runner.h"
#include "responder_flags.h"

namespace muster::app {
namespace {

struct EdgeFlags {
  std::string config, url, signer, directory;
  std::vector<std::string> listen, admin;
};

struct Wired {
  LogOptions log;
  node::EdgeOptions edge;
};

/// File first, flags over it.
Outcome<Wired> read_options(const EdgeFlags& flags) {
  Options options;
  if (const auto loaded = load_options(flags.config, options); !loaded) {
    return fail(exit_code_of(loaded.error()), loaded.error().message);
  }
  node::EdgeOptions edge = wire(options.edge);
  const auto take = [](const auto& flag, auto& value) { value = flag.empty() ? value : flag; };
  take(flags.url, edge.url);
  take(flags.signer, edge.manifest_signer);
  take(flags.directory, edge.mirror.directory);
  take(flags.listen, edge.service.listen);
  take(flags.admin, edge.admin.listen);
  return Wired{options.log, std::move(edge)};
}

/// Serves until SIGTERM or SIGINT.
Outcome<Unit> serve(const EdgeFlags& flags) {
  MUSTER_TRY(const Wired wired, read_options(flags));
  const auto logger = make_logger(wired.log);
  const SystemClock clock;
  auto read_again = [&flags]() -> node::NodeResult<node::EdgeOptions> {
    auto fresh = read_options(flags);
    if (!fresh) {
      return Err{node::NodeError{node::NodeErrc::kUsage, fresh.error().message}};
    }
    return std::move(fresh->edge);
  };
  return run_node("edge", wired.edge.service.grace + wired.edge.admin.drain_delay, *logger, [&] {
    return node::EdgeNode::start(wired.edge, std::move(read_again), clock, *logger);
  });
}

}  // namespace

int run_edge(int argc, char** argv) {
  CLI::App app("Answers OCSP requests from signed answers that a core node exported; has no key.",
               "muster edge");
  EdgeFlags flags;
  app.add_option("-c,--config", flags.config, "configuration file (see: muster config reference)");
  app.add_option("--url", flags.url, "where the export's directory is shown");
  app.add_option("--manifest-signer", flags.signer,
                 "certificate of the key that signs its manifests (PEM)");
  app.add_option("--directory", flags.directory, "where to keep what was fetched");
  app.add_option("--listen", flags.listen,
                 "address (default 127.0.0.1:8888; port 0 picks one); may be repeated")
      ->allow_extra_args(false);
  app.add_option("--admin", flags.admin,
                 "address for probes and metrics, such as 8889 or unix:/path; may be repeated")
      ->allow_extra_args(false);
  app.footer(
      "SIGHUP reads configuration and certificates again, and pulls; SIGTERM finishes what is in "
      "flight.\n"
      "Exit codes: 0 stopped, 64 usage, 66 unreadable or unfit file,\n"
      "69 cannot listen there, 70 internal.");
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }
  if (const auto done = serve(flags); !done) {
    std::fprintf(stderr, "muster edge: %s\n", done.error().message.c_str());
    return done.error().exit_code;
  }
  return kExitOk;
}

}  // namespace muster::app
