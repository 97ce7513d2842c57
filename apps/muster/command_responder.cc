#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>
#include <thread>

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
      "'muster responder explain REQUEST' tells what would be answered, and why; 'muster responder "
      "export' writes answers\nas files.\n"
      "Exit codes: 0 stopped, 64 usage, 66 unreadable or unfit file,\n"
      "69 cannot listen there, 70 internal.");
}

/// How much longer than its settings allow an end may take.
constexpr Milliseconds kLeavingPatience = std::chrono::seconds(30);

/// A node's life on a thread of its own, so that signals are heard all the time.
class Life {
 public:
  Life(node::NodeOptions first, node::OptionsReader read_again, Logger& logger, net::Loop& control)
      : first_(std::move(first)),
        read_again_(std::move(read_again)),
        logger_(logger),
        thread_([this, &control] {
          outcome_ = live();
          control.post([&control] { control.stop(); });
        }) {}

  /// Serves what is in flight, or gives up starting. On the thread of signals, as the next.
  void end() {
    logger_.log(LogLevel::kInfo, "responder.stopping",
                serving_ != nullptr ? "finishing what is in flight" : "before it served");
    ending_.request_stop();
  }
  void reload() {
    node::Node* const node = ending_.stop_requested() ? nullptr : serving_.load();
    if (node != nullptr) {
      node->request_reload();
    }
  }
  [[nodiscard]] bool is_ending() const { return ending_.stop_requested(); }
  Outcome<Unit> join() {
    thread_.join();
    return outcome_;
  }

 private:
  Outcome<Unit> live() {
    auto started = node::Node::start(first_, read_again_, clock_, logger_, ending_.get_token());
    if (!started) {
      const bool was_asked = started.error().code == node::NodeErrc::kStopped && is_ending();
      if (was_asked) {
        logger_.log(LogLevel::kInfo, "responder.stopped", started.error().detail);
        return Unit{};
      }
      return fail(exit_code_for(started.error().code), started.error().detail);
    }
    node::Node& node = **started;
    serving_ = &node;  // before anybody can know that we are there: a SIGHUP must not be lost
    tell("admin on", node.admin_addresses());
    tell("push on", node.push_addresses());
    tell("batch on", node.batch_addresses());
    tell("crl on", node.crl_addresses());
    tell("listening on", node.addresses());
    std::fflush(stdout);
    std::unique_lock lock(mutex_);
    moved_.wait(lock, ending_.get_token(), [] { return false; });
    node.stop();
    return Unit{};
  }
  static void tell(const char* what, const std::vector<std::string>& all) {
    std::string addresses;
    for (const std::string& address : all) {
      addresses += (addresses.empty() ? "" : ", ") + address;
    }
    if (!addresses.empty()) {
      std::printf("%s %s\n", what, addresses.c_str());
    }
  }

  const node::NodeOptions first_;
  const node::OptionsReader read_again_;
  Logger& logger_;
  const SystemClock clock_;
  std::stop_source ending_;
  std::mutex mutex_;
  std::condition_variable_any moved_;
  std::atomic<node::Node*> serving_{nullptr};  ///< from when it serves; gone only after end()
  Outcome<Unit> outcome_ = Unit{};
  std::thread thread_;  ///< last: uses the rest
};

/// Serves until SIGTERM or SIGINT.
Outcome<Unit> serve(const ResponderFlags& flags, const Options& options, const std::string& store) {
  const auto logger = make_logger(options.log);
  auto read_again = [&flags, &store]() -> node::NodeResult<node::NodeOptions> {
    const auto fresh = read_options(flags);
    auto next =
        fresh ? node_options(*fresh, store) : Outcome<node::NodeOptions>(Err{fresh.error()});
    if (!next) {
      return Err{node::NodeError{node::NodeErrc::kUsage, next.error().message}};
    }
    return *std::move(next);
  };
  MUSTER_TRY(node::NodeOptions first, node_options(options, store));
  if (options.responder.store.empty()) {
    logger->log(LogLevel::kWarning, "store.temporary",
                "revocations are remembered until this process ends: a source that is rolled back "
                "while it is down is believed (keep the store with --store DIR)");
  }
  const Milliseconds most = first.service.grace + first.admin.drain_delay + kLeavingPatience;
  net::Loop control;
  std::optional<Life> life;
  // Blocks the signals for every thread started below.
  const net::SignalWatch signals(control, {SIGTERM, SIGINT, SIGHUP}, [&](int signal) {
    if (signal == SIGHUP) {
      life->reload();
    } else if (!life->is_ending()) {
      life->end();
      control.after(most, [&logger] {
        logger->log(LogLevel::kError, "responder.gave_up",
                    "a file system or token does not answer; leaving without waiting for it any "
                    "longer (the store is safe)");
        std::_Exit(kExitInternal);  // threads that hang cannot be joined
      });
    }
  });
  life.emplace(std::move(first), std::move(read_again), *logger, control);
  control.run();
  return life->join();
}

}  // namespace

int run_responder(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "explain") {
    return run_explain(argc - 1, argv + 1);
  }
  if (argc > 1 && std::string_view(argv[1]) == "export") {
    return run_export(argc - 1, argv + 1);
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
