#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "muster/net/loop.h"
#include "responder_flags.h"

namespace muster::app {
namespace {

/// How much longer than its settings allow an end may take.
constexpr Milliseconds kLeavingPatience = std::chrono::seconds(30);

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

void tell(const char* what, const std::vector<std::string>& all) {
  std::string addresses;
  for (const std::string& address : all) {
    addresses += (addresses.empty() ? "" : ", ") + address;
  }
  if (!addresses.empty()) {
    std::printf("%s %s\n", what, addresses.c_str());
  }
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
  const Milliseconds most =
      wired.edge.service.grace + wired.edge.admin.drain_delay + kLeavingPatience;
  net::Loop control;
  std::unique_ptr<node::EdgeNode> edge;
  std::thread ending;
  // Blocks the signals for every thread started below.
  const net::SignalWatch signals(control, {SIGTERM, SIGINT, SIGHUP}, [&](int signal) {
    if (ending.joinable()) {
      return;
    }
    if (signal == SIGHUP) {
      static_cast<void>(edge->reload());  // the outcome is logged
      return;
    }
    logger->log(LogLevel::kInfo, "edge.stopping", "finishing what is in flight");
    control.after(most, [&logger] {
      logger->log(LogLevel::kError, "edge.gave_up",
                  "a file system does not answer; leaving without waiting for it any longer");
      std::_Exit(kExitInternal);  // threads that hang cannot be joined
    });
    ending = std::thread([&] {
      edge->stop();
      control.stop();
    });
  });
  auto started = node::EdgeNode::start(wired.edge, std::move(read_again), clock, *logger);
  if (!started) {
    return fail(exit_code_for(started.error().code), started.error().detail);
  }
  edge = *std::move(started);
  tell("admin on", edge->admin_addresses());
  tell("listening on", edge->addresses());
  std::fflush(stdout);
  control.run();
  ending.join();
  return Unit{};
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
