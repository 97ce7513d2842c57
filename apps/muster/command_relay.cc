#include "node_runner.h"
#include "responder_flags.h"

namespace muster::app {
namespace {

struct RelayFlags {
  std::string config, directory, nonce, proxy;
  std::vector<std::string> issuers, upstreams, certificates, listen, admin, hashes;
};

struct Wired {
  LogOptions log;
  node::RelayNodeOptions relay;
};

/// File first, flags over it.
Outcome<Wired> read_options(const RelayFlags& flags) {
  Options options;
  if (const auto loaded = load_options(flags.config, options); !loaded) {
    return fail(exit_code_of(loaded.error()), loaded.error().message);
  }
  if (!flags.hashes.empty()) {
    options.relay.forms = flags.hashes;
  }
  auto wired = wire(options.relay);
  if (!wired) {
    return fail(kExitUsage, wired.error());
  }
  node::RelayNodeOptions relay = *std::move(wired);
  const auto take = [](const auto& flag, auto& value) { value = flag.empty() ? value : flag; };
  take(flags.directory, relay.relay.directory);
  take(flags.proxy, relay.relay.engine.transport.proxy);
  take(flags.listen, relay.relay.listen);
  take(flags.admin, relay.admin.listen);
  if (!flags.upstreams.empty() && flags.issuers.empty()) {
    return fail(kExitUsage, "--upstream says where to ask about an --issuer; give one");
  }
  for (const std::string& issuer : flags.issuers) {
    relay.issuers.push_back({issuer, "", flags.upstreams});
  }
  for (const std::string& certificate : flags.certificates) {
    relay.certificates.push_back({certificate, "", "", "", {}});
  }
  if (!flags.nonce.empty()) {
    relay.relay.engine.nonce =
        flags.nonce == "pass" ? relay::NonceUse::kPass : relay::NonceUse::kLeaveOut;
  }
  return Wired{options.log, std::move(relay)};
}

/// Serves until SIGTERM or SIGINT.
Outcome<Unit> serve(const RelayFlags& flags) {
  MUSTER_TRY(const Wired wired, read_options(flags));
  const auto logger = make_logger(wired.log);
  const SystemClock clock;
  auto read_again = [&flags]() -> node::NodeResult<node::RelayNodeOptions> {
    auto fresh = read_options(flags);
    if (!fresh) {
      return Err{node::NodeError{node::NodeErrc::kUsage, fresh.error().message}};
    }
    return std::move(fresh->relay);
  };
  if (wired.relay.relay.directory.empty()) {
    logger->log(LogLevel::kWarning, "relay.forgetful",
                "no directory: a restart forgets every answer (give --directory, or directory in "
                "[relay])");
  }
  return run_node("relay", wired.relay.relay.grace + wired.relay.admin.drain_delay, *logger, [&] {
    return node::RelayNode::start(wired.relay, std::move(read_again), clock, *logger);
  });
}

}  // namespace

int run_relay(int argc, char** argv) {
  CLI::App app(
      "Answers OCSP requests from verified answers of other responders, for the issuers it is told "
      "to relay for.",
      "muster relay");
  RelayFlags flags;
  const char* const kWhom = "Whom to relay for";
  app.add_option("--issuer", flags.issuers,
                 "certificate of a CA whose certificates may be asked about; may be repeated")
      ->allow_extra_args(false)
      ->group(kWhom);
  app.add_option("--upstream", flags.upstreams,
                 "URL of a responder, or of another relay, that is asked about --issuer; several "
                 "are asked in this order")
      ->allow_extra_args(false)
      ->group(kWhom);
  app.add_option("--cert", flags.certificates,
                 "certificate and chain, or a directory of such files: fetched before anybody "
                 "asks, at the URL in it; its issuer may be asked about too; may be repeated")
      ->allow_extra_args(false)
      ->group(kWhom);
  app.add_option("--hash", flags.hashes,
                 "CertID hash that --cert is fetched with: sha1 (default), sha256, sha384, sha512; "
                 "may be repeated")
      ->allow_extra_args(false)
      ->group(kWhom);
  const char* const kHow = "How";
  app.add_option("-c,--config", flags.config, "configuration file (see: muster config reference)")
      ->group(kHow);
  app.add_option("--directory", flags.directory, "where answers are kept over restarts")
      ->group(kHow);
  app.add_option("--nonce", flags.nonce,
                 "leave-out (default): answer requests with a nonce from what is held; pass: pass "
                 "them to the upstream")
      ->check(CLI::IsMember({"leave-out", "pass"}))
      ->group(kHow);
  app.add_option("--proxy", flags.proxy, "HTTP proxy for asking upstreams")->group(kHow);
  const char* const kWhere = "Where";
  app.add_option("--listen", flags.listen,
                 "address (default 127.0.0.1:8888; port 0 picks one); may be repeated")
      ->allow_extra_args(false)
      ->group(kWhere);
  app.add_option("--admin", flags.admin,
                 "address for probes and metrics, such as 8889 or unix:/path; may be repeated")
      ->allow_extra_args(false)
      ->group(kWhere);
  app.footer(
      "Nobody but these issuers and URLs is ever asked, whatever requests say.\n"
      "SIGHUP reads configuration and certificates again; SIGTERM finishes what is in flight.\n"
      "Exit codes: 0 stopped, 64 usage, 66 unreadable or unfit file or directory,\n"
      "69 cannot listen there, 70 internal.");
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }
  if (const auto done = serve(flags); !done) {
    std::fprintf(stderr, "muster relay: %s\n", done.error().message.c_str());
    return done.error().exit_code;
  }
  return kExitOk;
}

}  // namespace muster::app
