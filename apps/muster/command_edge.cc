#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <thread>

#include "cli.h"
#include "muster/edge/edge_handler.h"
#include "options.h"

namespace muster::app {
namespace {

constexpr Milliseconds kGrace{5'000};

struct EdgeFlags {
  std::string config, url, signer, directory;
  std::vector<std::string> listen;
};

/// Follows the export on a thread of its own.
class Puller {
 public:
  Puller(edge::Mirror& mirror, Seconds interval, const edge::EdgeCounters& counters, Logger& logger)
      : mirror_(mirror),
        interval_(interval),
        counters_(counters),
        logger_(logger),
        thread_([this](std::stop_token stop) { follow(stop); }) {}

 private:
  void follow(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pull(stop);
      std::unique_lock lock(mutex_);
      moved_.wait_for(lock, stop, interval_, [] { return false; });
    }
  }
  void pull(const std::stop_token& stop) {
    const auto report = mirror_.pull(stop);
    if (stop.stop_requested()) {
      return;
    }
    if (!report) {
      ++failures_;
      logger_.log(LogLevel::kError, "edge.not_pulled", report.error().detail,
                  {{"in_use", mirror_.number()}, {"failures", failures_}});
    } else if (report->number != last_ || failures_ != 0) {
      last_ = report->number;
      failures_ = 0;
      logger_.log(LogLevel::kInfo, "edge.pulled", "going by a new manifest",
                  {{"number", report->number},
                   {"answers", report->files},
                   {"fetched", report->fetched},
                   {"removed", report->removed},
                   {"answered", counters_.answered.load()},
                   {"unknown", counters_.unknown.load()},
                   {"over", counters_.over.load()},
                   {"damaged", counters_.damaged.load()}});
    }
  }

  edge::Mirror& mirror_;
  const Seconds interval_;
  const edge::EdgeCounters& counters_;
  Logger& logger_;
  std::uint64_t failures_ = 0;  ///< in a row
  std::uint64_t last_ = 0;
  std::mutex mutex_;
  std::condition_variable_any moved_;
  std::jthread thread_;  ///< last: uses the rest
};

Outcome<Unit> serve(const EdgeSettings& settings, const pki::Certificate& signer, Logger& logger) {
  const SystemClock clock;
  auto mirror = edge::Mirror::open(settings.mirror, signer, logger);
  if (!mirror) {
    return fail(kExitInput, mirror.error().detail);
  }
  edge::EdgeCounters counters;
  edge::EdgeHandler handler(settings.prefix, **mirror, clock, counters);
  net::Loop loop;
  std::vector<std::unique_ptr<net::HttpServer>> servers;
  std::size_t draining = 0;
  const net::SignalWatch signals(loop, {SIGTERM, SIGINT}, [&](int) {
    if (draining != 0) {
      return;
    }
    draining = servers.size();
    for (auto& server : servers) {
      server->drain(kGrace, [&] {
        if (--draining == 0) {
          loop.stop();
        }
      });
    }
  });
  std::string addresses;
  for (const std::string& address : settings.listen) {
    auto server = net::HttpServer::listen(loop, address, {}, handler);
    if (!server) {
      return fail(kExitInternal, net::to_string(server.error()));
    }
    addresses += (addresses.empty() ? "" : ", ") + (*server)->address();
    servers.push_back(*std::move(server));
  }
  const Puller puller(**mirror, settings.interval, counters, logger);
  std::printf("listening on %s\n", addresses.c_str());
  std::fflush(stdout);
  loop.run();
  return Unit{};
}

Outcome<Unit> run(const EdgeFlags& flags) {
  Options options;
  if (const auto loaded = load_options(flags.config, options); !loaded) {
    return fail(exit_code_of(loaded.error()), loaded.error().message);
  }
  EdgeSettings& settings = options.edge;
  const auto take = [](const std::string& flag, std::string& value) {
    value = flag.empty() ? value : flag;
  };
  take(flags.url, settings.mirror.url);
  take(flags.signer, settings.signer);
  take(flags.directory, settings.mirror.directory);
  settings.listen = flags.listen.empty() ? settings.listen : flags.listen;
  if (settings.mirror.url.empty() || settings.signer.empty() || settings.mirror.directory.empty() ||
      settings.listen.empty()) {
    return fail(kExitUsage,
                "give url, manifest_signer, directory and listen in [edge] (--url, "
                "--manifest-signer, --directory, --listen)");
  }
  if (!settings.prefix.starts_with('/')) {
    return fail(kExitUsage, "prefix must begin with '/'");
  }
  const auto signer = pki::load_certificates(settings.signer);
  if (!signer) {
    return fail(kExitInput, "manifest_signer: " + signer.error().detail);
  }
  const auto logger = make_logger(options.log);
  return serve(settings, signer->front(), *logger);
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
  app.footer("Exit codes: 0 stopped, 64 usage, 66 unreadable or unfit file, 70 internal.");
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }
  if (const auto done = run(flags); !done) {
    std::fprintf(stderr, "muster edge: %s\n", done.error().message.c_str());
    return done.error().exit_code;
  }
  return kExitOk;
}

}  // namespace muster::app
