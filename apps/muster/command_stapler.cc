#include "command_stapler.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <future>
#include <random>

#include "cli.h"
#include "muster/keeper/watchdog.h"
#include "muster/node/stapler_admin.h"
#include "muster/stapler/dry_run.h"
#include "muster/stapler/stapler.h"
#include "node_runner.h"
#include "options.h"
#include "options_target.h"

namespace muster::app {
namespace {

/// Flags as given; they go over what the file says.
struct Flags {
  std::string config;
  std::vector<std::string> certificates, issuers, hook, targets, admin;
  std::string shelf, out, refresh;
  bool once = false, chain = false, dry_run = false;
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
  node::AdminOptions& admin = stapler.admin.admin;
  admin.listen = flags.admin.empty() ? admin.listen : flags.admin;
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
  to.inventory = {from.issuers, from.out, keeps_chains(from)};
  to.policy = shelf_policy_of(from);
  to.keeper = keeper_options_of(from);
  to.hook.command = from.on_update;
  to.hook.timeout = from.on_update_timeout;
  to.targets = from.targets;
  to.watch = from.watch;
  to.history_bytes = from.history.bytes;
  return to;
}

/// What a run would do, told.
int rehearse(const Options& options) {
  const StaplerOptions& from = options.stapler;
  const stapler::StaplerOptions wired = wire(from);
  const stapler::Inventory inventory = stapler::load_inventory(wired.certificates, wired.inventory);
  const auto logger = make_logger(options.log);
  const std::string shelf_path = std::filesystem::exists(from.shelf) ? from.shelf : std::string();
  const auto shelf =
      keeper::Shelf::open(shelf_path, keeper::ShelfMode::kFollower,
                          stapler::shelf_for(wired.policy, wired.targets, wired.hook), *logger);
  if (!shelf) {
    return complain(kExitInput, shelf.error().detail);
  }
  std::vector<keeper::Subject> subjects;
  for (const stapler::InventoryEntry& entry : inventory.entries) {
    subjects.push_back(entry.watched.subject);
  }
  const UnixSeconds now = SystemClock().now();
  (*shelf)->set_subjects(std::move(subjects), now);
  std::fputs(
      stapler::render_dry_run({inventory, **shelf, shelf_path, wired.keeper, wired.targets}, now)
          .c_str(),
      stdout);
  return inventory.problems.empty() ? kExitOk : kExitInput;
}

/// How long who asks for a reload over HTTP waits for the loop.
constexpr Seconds kReloadPatience{30};

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
  net::Loop loop;
  std::function<void()> on_hangup;
  // First of all: a SIGHUP that comes earlier than the stapler waits for it, and ends nothing.
  const net::SignalWatch hangups(loop, {SIGHUP}, [&on_hangup](int) { on_hangup(); });
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
  if (flags.dry_run) {
    return rehearse(options);
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
  int exit_code = kExitOk;
  std::unique_ptr<stapler::Stapler> service;
  std::unique_ptr<node::StaplerAdmin> admin;
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
  const auto reload = [&]() -> node::NodeResult<node::ReloadReport> {
    Options fresh;
    if (read_options(flags, fresh)) {  // what is wrong was told
      logger->log(LogLevel::kError, "config.reload_failed",
                  "the configuration is wrong; the old one stays in force");
      return Err{node::NodeError{node::NodeErrc::kUsage,
                                 "the configuration is wrong; see the stapler's log"}};
    }
    const stapler::StaplerOptions wired = wire(fresh.stapler);
    service->reload(&wired);
    node::ReloadReport report{service->problems(), {}};
    if (fresh.stapler.shelf != options.stapler.shelf) {
      report.restart_needed.emplace_back("shelf");
    }
    if (fresh.stapler.admin.admin.listen != options.stapler.admin.admin.listen) {
      report.restart_needed.emplace_back("admin.listen");
    }
    return report;
  };
  on_hangup = [&] {
    if (!ending) {
      static_cast<void>(reload());  // the outcome is logged
    }
  };
  const net::SignalWatch signals(loop, {SIGTERM, SIGINT}, [&](int) {
    end(!flags.once || is_ready ? kExitOk : complain(1, "stopped before the first round was over"));
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
  const node::AdminOptions admin_options = admin_of(options.stapler.admin);
  if (!admin_options.listen.empty()) {
    auto listening = node::StaplerAdmin::start(
        admin_options,
        [&]() -> node::NodeResult<node::ReloadReport> {
          using Answer = node::NodeResult<node::ReloadReport>;
          const auto promise = std::make_shared<std::promise<Answer>>();
          auto answer = promise->get_future();
          loop.post([&, promise] {
            promise->set_value(ending ? Answer(Err{node::NodeError{node::NodeErrc::kStopped,
                                                                   "the stapler is stopping"}})
                                      : reload());
          });
          if (answer.wait_for(kReloadPatience) != std::future_status::ready) {
            return Err{node::NodeError{node::NodeErrc::kSystem,
                                       "the stapler has not read them yet: it is busy, or hangs"}};
          }
          return answer.get();
        },
        clock, *logger);
    if (!listening) {
      return complain(exit_code_for(listening.error().code), listening.error().detail);
    }
    admin = *std::move(listening);
    tell_addresses("admin on", admin->addresses());
    service->on_report([&admin](const stapler::StatusReport& report) {
      admin->publish(std::make_shared<const stapler::StatusReport>(report));
    });
  }
  service->start(
      flags.once ? keeper::Keeper::FirstFetch::kEverything : keeper::Keeper::FirstFetch::kWhatIsDue,
      [&](stapler::Readiness r) {
        is_ready = true;
        if (admin) {
          admin->set_ready();
        }
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
  admin.reset();
  service.reset();
  return exit_code;
}

}  // namespace

int run_stapler(int argc, char** argv) {
  CLI::App app("Keeps a fresh, verified OCSP response for each certificate.", "muster stapler");
  app.footer(
      "Signals: TERM stops, HUP reads configuration and certificates again.\n"
      "A running stapler is told what to do by the commands above, through a socket in its shelf.\n"
      "Exit codes: 0 ok, 1 --once: something is not covered or not written, 64 usage, 66 input,\n"
      "69 cannot listen there, 70 internal. Those of a command are told by its --help.");
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
  app.add_flag("--dry-run", flags.dry_run,
               "tell what would be fetched and handed over where; change nothing, ask nobody");
  app.add_option("--admin", flags.admin,
                 "address for probes and metrics, such as 8889 or unix:/path (repeatable)")
      ->allow_extra_args(false)
      ->type_name("ADDRESS");
  PrintFlags printed;
  ControlFlags control;
  const CLI::App* const print = add_print(app, printed);
  const ControlCommands commands = add_control(app, control);
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }
  for (const auto& [command, action] : commands) {
    if (command->parsed()) {
      return action(control);
    }
  }
  return print->parsed() ? print_staple(printed) : run(flags);
}

}  // namespace muster::app
