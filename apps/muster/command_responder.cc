#include <csignal>
#include <cstdio>
#include <string_view>

#include "muster/net/loop.h"
#include "responder_flags.h"

namespace muster::app {
namespace {

void declare(CLI::App& app, ResponderFlags& flags) {
  declare_issuer_flags(app, flags);
  app.add_option("--listen", flags.listen,
                 "address (default 127.0.0.1:8888; port 0 picks one); may be repeated")
      ->allow_extra_args(false);
  app.add_option("--admin", flags.admin,
                 "address for probes and metrics, such as 8889 or unix:/path; may be repeated")
      ->allow_extra_args(false);
  app.add_option("--loops", flags.loops, "threads that answer (default: one a core)");
  app.add_option("--prefix", flags.prefix, "URL path of GET requests (default /)");
  app.footer(
      "Revoking in index.txt or with a new CRL shows in the next answer; no restart.\n"
      "SIGHUP reads configuration, certificates and keys again; SIGTERM finishes what is in "
      "flight.\n"
      "'muster responder explain REQUEST' tells what would be answered, and why.\n"
      "Exit codes: 0 stopped, 64 usage, 66 unreadable or unfit file, 70 internal.");
}

/// Serves until SIGTERM or SIGINT.
Outcome<Unit> serve(const ResponderFlags& flags, const Options& options, const std::string& store) {
  const auto logger = make_logger(options.log);
  const SystemClock clock;
  const auto read_again = [&flags, &store]() -> node::NodeResult<node::NodeOptions> {
    const auto fresh = read_options(flags);
    auto next =
        fresh ? node_options(*fresh, store) : Outcome<node::NodeOptions>(Err{fresh.error()});
    if (!next) {
      return Err{node::NodeError{node::NodeErrc::kUsage, next.error().message}};
    }
    return *std::move(next);
  };
  MUSTER_TRY(const node::NodeOptions first, node_options(options, store));
  net::Loop control;
  std::unique_ptr<node::Node> node;
  // Blocks the signals for every thread started below.
  const net::SignalWatch signals(control, {SIGTERM, SIGINT, SIGHUP}, [&](int signal) {
    if (signal == SIGHUP) {
      node->request_reload();
    } else {
      logger->log(LogLevel::kInfo, "responder.stopping", "finishing what is in flight");
      control.stop();
    }
  });
  auto started = node::Node::start(first, read_again, clock, *logger);
  if (!started) {
    return fail(exit_code_for(started.error().code), started.error().detail);
  }
  node = *std::move(started);
  const auto print = [](const char* what, const std::vector<std::string>& all) {
    std::string addresses;
    for (const std::string& address : all) {
      addresses += (addresses.empty() ? "" : ", ") + address;
    }
    if (!addresses.empty()) {
      std::printf("%s %s\n", what, addresses.c_str());
    }
  };
  print("admin on", node->admin_addresses());
  print("push on", node->push_addresses());
  print("crl on", node->crl_addresses());
  print("listening on", node->addresses());
  std::fflush(stdout);
  control.run();
  node->stop();
  return Unit{};
}

}  // namespace

int run_responder(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "explain") {
    return run_explain(argc - 1, argv + 1);
  }
  CLI::App app("Answers OCSP requests for the CAs you run.", "muster responder");
  ResponderFlags flags;
  declare(app, flags);
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }
  const auto complain = [](const Failure& failure) {
    std::fprintf(stderr, "muster responder: %s\n", failure.message.c_str());
    return failure.exit_code;
  };
  const auto options = read_options(flags);
  if (!options) {
    return complain(options.error());
  }
  const auto directory = StoreDirectory::make(options->responder.store);
  if (!directory) {
    return complain(directory.error());
  }
  if (const auto served = serve(flags, *options, directory->path()); !served) {
    return complain(served.error());
  }
  return kExitOk;
}

}  // namespace muster::app
