#include "command_stapler.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <random>

#include "cli.h"
#include "muster/keeper/watchdog.h"
#include "muster/stapler/metrics.h"
#include "muster/stapler/stapler.h"
#include "options.h"
#include "options_target.h"

namespace muster::app {
namespace {

/// Flags as given; they go over what the file says.
struct Flags {
  std::string config;
  std::vector<std::string> certificates, issuers, hook, targets;
  std::string shelf, out, refresh;
  bool once = false, chain = false, json = false, metrics = false;
};

int complain(int code, const std::string& message) {
  std::fprintf(stderr, "muster stapler: %s\n", message.c_str());
  return code;
}

/// Exit code, or nothing when all is well.
std::optional<int> read_options(const Flags& flags, Options& options) {
  if (const auto loaded = load_options(flags.config, options); !loaded) {
    return complain(exit_code_of(loaded.error()), loaded.error().message);
  }
  StaplerOptions& stapler = options.stapler;
  for (const std::string& path : flags.certificates) {
    stapler.certificates.push_back({path, "", "", "", {}});
  }
  stapler.issuers.insert(stapler.issuers.end(), flags.issuers.begin(), flags.issuers.end());
  stapler.shelf = flags.shelf.empty() ? stapler.shelf : flags.shelf;
  stapler.out = flags.out.empty() ? stapler.out : flags.out;
  stapler.on_update = flags.hook.empty() ? stapler.on_update : flags.hook;
  stapler.chain = stapler.chain || flags.chain;
  for (const std::string& text : flags.targets) {
    auto target = parse_target_flag(text);
    if (!target) {
      return complain(kExitUsage, target.error());
    }
    stapler.targets.push_back(*std::move(target));
  }
  if (const auto wrong = stapler::check_targets(stapler.targets)) {
    return complain(kExitUsage, *wrong);
  }
  if (!flags.refresh.empty()) {
    stapler.refresh = parse_duration(flags.refresh);
    if (!stapler.refresh || *stapler.refresh < Seconds(1)) {
      return complain(kExitUsage,
                      "--refresh must be a duration of at least 1s, such as \"10s\" or \"6h\"");
    }
  }
  return std::nullopt;
}

stapler::StaplerOptions wire(const StaplerOptions& from) {
  stapler::StaplerOptions to;
  to.shelf = from.shelf;
  for (const StaplerCertificate& c : from.certificates) {
    to.certificates.push_back({c.certificate, c.issuer, c.name, c.output, c.responders});
  }
  to.inventory = {from.issuers, from.out, from.chain};
  to.policy = shelf_policy_of(from);
  to.keeper = keeper_options_of(from);
  to.hook.command = from.on_update;
  to.hook.timeout = from.on_update_timeout;
  to.targets = from.targets;
  return to;
}

/// A loop that takes no turns for so long is told of, and ended after kStallsToEnd times that, for
/// whoever supervises it to start it again: what it held is on the shelf.
constexpr Milliseconds kStallLimit{60'000};
constexpr int kStallsToEnd = 10;

/// Runs on the watchdog's thread, while the loop's may hang for good.
void on_stall(Logger& logger, Milliseconds still) {
  if (still == Milliseconds(0)) {
    logger.log(LogLevel::kWarning, "keeper.moves", "certificates are looked after again");
    return;
  }
  const bool end = still >= kStallsToEnd * kStallLimit;
  logger.log(LogLevel::kError, "keeper.stalled",
             std::string("nothing has been looked after for a while: a disk, a name service or a "
                         "bug holds the stapler up") +
                 (end ? "; it ends, to be started again" : ""),
             {{"seconds", static_cast<long long>(still.count() / 1000)}});
  if (end) {
    ::_exit(kExitInternal);
  }
}

int run(const Flags& flags) {
  Options options;
  if (const auto code = read_options(flags, options)) {
    return *code;
  }
  if (options.stapler.certificates.empty()) {
    return complain(
        kExitUsage,
        "no certificate to keep a staple for (give --cert, or [[stapler.certificate]] in "
        "the file)");
  }
  if (options.stapler.shelf.empty() && !flags.once) {
    return complain(
        kExitUsage,
        "no shelf directory: a restart would forget every staple (give --shelf, or shelf "
        "in [stapler])");
  }
  namespace fs = std::filesystem;
  // The shelf makes its own directory, for itself alone.
  for (const auto& [directory, flag] :
       {std::pair(fs::path(options.stapler.out), "--out"),
        std::pair(fs::path(options.stapler.shelf).parent_path(), "--shelf")}) {
    std::error_code error;
    if (!directory.empty() && !fs::exists(directory, error)) {
      fs::create_directories(directory, error);
    }
    if (error) {
      return complain(kExitInput, "cannot create the directory '" + directory.string() +
                                      "': " + error.message() +
                                      " (create it, or give another with " + flag + ")");
    }
  }
  const auto logger = make_logger(options.log);
  net::Loop loop;
  int exit_code = kExitOk;
  std::unique_ptr<stapler::Stapler> service;
  bool is_ready = false;
  std::atomic<bool> ending{false};
  const auto end = [&](int code) {
    ending = true;
    exit_code = code;
    service->stop([&] {  // the hook has ended
      if (flags.once && exit_code == kExitOk && !stapler::is_handed_over(service->status())) {
        exit_code = complain(1, "not everything could be handed over; see the errors above");
      }
      loop.stop();
    });
  };
  const net::SignalWatch signals(loop, {SIGTERM, SIGINT, SIGHUP}, [&](int signal) {
    if (signal != SIGHUP) {
      end(!flags.once || is_ready ? kExitOk
                                  : complain(1, "stopped before the first round was over"));
      return;
    }
    Options fresh;
    if (read_options(flags, fresh)) {
      logger->log(LogLevel::kError, "config.reload_failed",
                  "the configuration is wrong; the old one stays in force");
      return;
    }
    const stapler::StaplerOptions wired = wire(fresh.stapler);
    service->reload(&wired);
  });
  const SystemClock clock;
  const auto fetcher = net::make_fetcher(loop);
  std::random_device entropy;
  stapler::StaplerOptions wired = wire(options.stapler);
  if (flags.once) {
    wired.tell_unchanged = stapler::TellUnchanged::kNo;
  }
  auto made = stapler::Stapler::make(loop, *fetcher, clock, *logger, std::move(wired),
                                     std::uint64_t{entropy()} << 32 | entropy());
  if (!made) {
    return complain(kExitInput, made.error().detail);
  }
  service = *std::move(made);
  if (flags.once && !service->problems().empty()) {
    exit_code = kExitInput;
  }
  const bool had_problems = !service->problems().empty();
  if (had_problems && service->status().certificates.empty()) {
    return complain(kExitInput, "no certificate that can be used: " + service->problems().front());
  }
  service->start(
      flags.once ? keeper::Keeper::FirstFetch::kEverything : keeper::Keeper::FirstFetch::kWhatIsDue,
      [&](stapler::Readiness r) {
        is_ready = true;
        std::printf("ready: %zu certificates, %zu fresh", r.certificates, r.covered);
        if (r.not_needed != 0) {
          std::printf(", %zu need none", r.not_needed);
        }
        std::printf("\n");
        std::fflush(stdout);
        if (flags.once) {
          const bool all = r.covered + r.not_needed == r.certificates;
          // Later, so that start() has returned.
          loop.post([&, all] {
            service->when_settled([&, all] { end(had_problems ? kExitInput : all ? kExitOk : 1); });
          });
        }
      });
  {
    // Once it ends, no turn is to be taken any more: the hook may have its time.
    const auto turns = [&service, &ending, shown = std::uint64_t{0}]() mutable {
      return ending ? ++shown : service->turns();
    };
    const keeper::Watchdog watchdog(turns, kStallLimit,
                                    [&logger](Milliseconds still) { on_stall(*logger, still); });
    loop.run();
  }
  service.reset();
  return exit_code;
}

int show_status(const Flags& flags) {
  Options options;
  if (const auto code = read_options(flags, options)) {
    return *code;
  }
  if (options.stapler.shelf.empty()) {
    return complain(kExitUsage, "which stapler? (give --shelf DIR, or --config FILE)");
  }
  const std::string path = options.stapler.shelf + '/' + std::string(stapler::kStatusFileName);
  const auto content = read_file(path, 1U << 30);
  if (!content) {
    return complain(kExitInput, to_string(content.error()) + "; a stapler writes it when it runs");
  }
  const auto report = stapler::parse_status(as_text(*content));
  if (!report) {
    return complain(kExitInput, "'" + path + "': " + report.error());
  }
  const UnixSeconds now = SystemClock().now();
  const stapler::StatusReport judged = stapler::judged_at(*report, now);
  std::fputs((flags.json      ? stapler::encode_status(judged)
              : flags.metrics ? stapler::render_metrics(judged)
                              : stapler::render_status(judged, now))
                 .c_str(),
             stdout);
  return stapler::status_exit_code(judged, now);
}

}  // namespace

int run_stapler(int argc, char** argv) {
  CLI::App app("Keeps a fresh, verified OCSP response for each certificate.", "muster stapler");
  app.footer(
      "Signals: TERM stops, HUP reads configuration and certificates again.\n"
      "Exit codes: 0 ok, 1 --once or status: something is not covered or not written, 64 usage,\n"
      "66 input, 70 internal.");
  Flags flags;
  app.add_option("-c,--config", flags.config, "muster.toml; flags go over it")->type_name("FILE");
  app.add_option("--cert", flags.certificates,
                 "certificate with its chain, or a directory of them (repeatable)")
      ->type_name("PATH");
  app.add_option("--issuer", flags.issuers, "where issuers are also looked for (repeatable)")
      ->type_name("FILE");
  app.add_option("--shelf", flags.shelf, "keeps responses across restarts")->type_name("DIR");
  app.add_option("--out", flags.out, "one DER staple per certificate for servers: <name>.ocsp")
      ->type_name("DIR");
  app.add_option("--target", flags.targets,
                 "a server to hand staples to: TYPE[,KEY=VALUE]..., the keys of [[stapler.target]] "
                 "(repeatable)")
      ->type_name("TARGET");
  app.add_option("--refresh", flags.refresh, "longest time between two questions, such as 6h")
      ->type_name("DURATION");
  app.add_option("--on-update", flags.hook, "program and arguments run after files changed")
      ->type_name("WORD")
      ->expected(1, -1);
  app.add_flag("--chain", flags.chain, "also for the intermediates");
  app.add_flag("--once", flags.once, "fetch everything, write, exit");
  CLI::App* status = app.add_subcommand("status", "what a running stapler holds");
  status->add_option("-c,--config", flags.config, "muster.toml")->type_name("FILE");
  status->add_option("--shelf", flags.shelf, "its shelf")->type_name("DIR");
  status->add_flag("--json", flags.json, "as JSON");
  status->add_flag("--metrics", flags.metrics, "as text for Prometheus");
  PrintFlags printed;
  const CLI::App* const print = add_print(app, printed);
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }
  return print->parsed()    ? print_staple(printed)
         : status->parsed() ? show_status(flags)
                            : run(flags);
}

}  // namespace muster::app
