#include <csignal>
#include <cstdio>
#include <random>

#include "cli.h"
#include "muster/net/fetcher.h"
#include "options.h"

namespace muster::app {
namespace {

/// Flags as given; they go over what the file says.
struct Flags {
  std::string config, upstream, shelf, must_staple;
  std::vector<std::string> listen, certificates, keys, issuers;
  bool keep = false;
};

int complain(int code, const std::string& message) {
  std::fprintf(stderr, "muster front: %s\n", message.c_str());
  return code;
}

int exit_code_for(front::FrontErrc code) {
  switch (code) {
    case front::FrontErrc::kUsage:
      return kExitUsage;
    case front::FrontErrc::kInput:
      return kExitInput;
    case front::FrontErrc::kAddress:
      return kExitAddress;
    case front::FrontErrc::kSystem:
      break;
  }
  return kExitInternal;
}

/// The options as the library wants them. A front that fetches by itself does it as [stapler] says.
front::FrontOptions wire(const Options& options) {
  front::FrontOptions wired = wire(options.front);
  wired.policy = shelf_policy_of(options.stapler);
  wired.keeper = keeper_options_of(options.stapler);
  return wired;
}

/// File first, flags over it. Exit code, or nothing when all is well.
std::optional<int> read_options(const Flags& flags, Options& options) {
  if (const auto loaded = load_options(flags.config, options); !loaded) {
    return complain(exit_code_of(loaded.error()), loaded.error().message);
  }
  FrontOptions& front = options.front;
  front.listen = flags.listen.empty() ? front.listen : flags.listen;
  front.upstream = flags.upstream.empty() ? front.upstream : flags.upstream;
  front.shelf = flags.shelf.empty() ? front.shelf : flags.shelf;
  front.keep = front.keep || flags.keep;
  front.hold = flags.must_staple.empty() ? front.hold : flags.must_staple == "hold";
  front.issuers.insert(front.issuers.end(), flags.issuers.begin(), flags.issuers.end());
  if (!flags.keys.empty() && flags.keys.size() != flags.certificates.size()) {
    return complain(
        kExitUsage,
        "give one --key for each --cert, in the same order (or none, when the keys are in "
        "the certificate files)");
  }
  for (std::size_t i = 0; i < flags.certificates.size(); ++i) {
    front.certificates.push_back(
        {flags.certificates[i], flags.keys.empty() ? "" : flags.keys[i], ""});
  }
  return std::nullopt;
}

int run(const Flags& flags) {
  Options options;
  if (const auto code = read_options(flags, options)) {
    return *code;
  }
  const auto logger = make_logger(options.log);
  net::Loop loop;
  int exit_code = kExitOk;
  std::unique_ptr<front::Front> service;
  const net::SignalWatch signals(loop, {SIGTERM, SIGINT, SIGHUP}, [&](int signal) {
    if (signal != SIGHUP) {
      service->stop([&loop] { loop.stop(); });
      return;
    }
    Options fresh;
    if (read_options(flags, fresh)) {
      logger->log(LogLevel::kError, "config.reload_failed",
                  "the configuration is wrong; the old one stays in force");
    } else if (const auto reloaded = service->reload(wire(fresh)); !reloaded) {
      logger->log(LogLevel::kError, "front.reload_failed",
                  reloaded.error().detail + "; the old certificates stay in force");
    }
  });
  const SystemClock clock;
  const auto fetcher = net::make_fetcher(loop);
  std::random_device entropy;
  auto made = front::Front::make(loop, *fetcher, clock, *logger, wire(options),
                                 std::uint64_t{entropy()} << 32 | entropy());
  if (!made) {
    return complain(exit_code_for(made.error().code), made.error().detail);
  }
  service = *std::move(made);
  service->start([&](const Result<std::vector<std::string>, front::FrontError>& listening) {
    if (!listening) {
      exit_code = complain(exit_code_for(listening.error().code), listening.error().detail);
      loop.stop();
      return;
    }
    for (const std::string& address : *listening) {
      std::printf("listening on %s\n", address.c_str());
    }
    std::fflush(stdout);
  });
  loop.run();
  service.reset();
  return exit_code;
}

}  // namespace

int run_front(int argc, char** argv) {
  CLI::App app("Terminates TLS with a staple in every handshake and forwards to a plain upstream.",
               "muster front");
  app.footer(
      "Staples: --shelf follows a running 'muster stapler'; without it, or with --keep, this "
      "process fetches them itself.\n"
      "Signals: TERM stops after open connections, HUP reads certificates again.\n"
      "Exit codes: 0 ok, 64 usage, 66 input, 69 cannot listen there, 70 internal.");
  Flags flags;
  app.add_option("-c,--config", flags.config, "muster.toml; flags go over it")->type_name("FILE");
  app.add_option("--listen", flags.listen, "address, such as 127.0.0.1:8443 or *:443 (repeatable)")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  app.add_option("--upstream", flags.upstream, "where plain octets go, such as 127.0.0.1:8080")
      ->type_name("ADDRESS");
  app.add_option("--cert", flags.certificates,
                 "server certificate with its chain (repeatable: the names decide)")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option("--key", flags.keys, "its private key (one for each --cert)")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option("--issuer", flags.issuers, "where issuers are also looked for (repeatable)")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option("--shelf", flags.shelf, "directory of staples")->type_name("DIR");
  app.add_flag("--keep", flags.keep, "fetch staples in this process and keep them in --shelf");
  app.add_option("--must-staple", flags.must_staple,
                 "without a valid staple: serve (default) or hold")
      ->check(CLI::IsMember({"serve", "hold"}));
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }
  return run(flags);
}

}  // namespace muster::app
