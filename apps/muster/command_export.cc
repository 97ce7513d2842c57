#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "muster/net/loop.h"
#include "muster/node/export_node.h"
#include "responder_flags.h"

namespace muster::app {
namespace {

/// How long an end is waited for; then the process leaves, which a later run makes up for.
constexpr Milliseconds kLeavingPatience = std::chrono::seconds(30);

struct ExportFlags {
  ResponderFlags responder;
  net::ControlAccess batch;
  std::string out, manifest_key, every, metrics;
  bool renew_all = false, load = false;
};

void tell(const edge::ExportReport& report) {
  std::printf("export %llu: %zu answers; %zu written, %zu kept, %zu removed, %zu changed\n",
              static_cast<unsigned long long>(report.number), report.files, report.written,
              report.kept, report.removed, report.changed);
  for (const std::string& label : report.closed_issuers) {
    std::printf("left out: issuer '%s', since not everybody may ask about it\n", label.c_str());
  }
  if (report.left_out != 0) {
    std::printf("left out: %zu without an answer for everybody; the first: %s\n", report.left_out,
                report.left_out_why.c_str());
  }
  if (report.purge.runs != 0) {
    std::printf("purge: %zu told, %zu left for the next time; %llu runs, %llu failed\n",
                report.purge.purged, report.purge.not_purged.size(),
                static_cast<unsigned long long>(report.purge.runs),
                static_cast<unsigned long long>(report.purge.failures));
  }
}

/// Nobody signs here: no key is looked for, nor its passphrase. Certificates of those signers that
/// no issuer certified.
Outcome<std::vector<pki::Certificate>> take_out_signers(Options& options) {
  std::vector<pki::Certificate> out;
  for (IssuerOptions& issuer : options.responder.issuers) {
    std::vector<SignerOptions> all = std::exchange(issuer.signers, {});
    all.push_back(std::exchange(issuer.signer, {}));
    issuer.files.signer_directory.clear();
    for (const SignerOptions& one : all) {
      if (!one.locally_trusted || one.files.certificate.empty()) {
        continue;
      }
      const auto loaded = pki::load_certificates(one.files.certificate);
      if (!loaded) {
        return fail(kExitInput, "signer: " + loaded.error().detail);
      }
      out.insert(out.end(), loaded->begin(), loaded->end());
    }
  }
  return out;
}

/// File first, flags over it.
Outcome<node::ExportInput> input_of(const ExportFlags& flags, Options& options) {
  ExportSettings& settings = options.exported;
  const auto take = [](const std::string& flag, std::string& value) {
    value = flag.empty() ? value : flag;
  };
  take(flags.out, settings.directory);
  take(flags.manifest_key, settings.manifest_key);
  take(flags.metrics, settings.metrics_file);
  if (settings.directory.empty()) {
    return fail(kExitUsage, "where to? give --out DIR (directory in [responder.export])");
  }
  if (!flags.every.empty()) {
    const auto every = parse_duration(flags.every);
    if (!every || *every < kLeastInterval || *every > kMostInterval) {
      return fail(kExitUsage, "--every must be a duration from 1s to 30d, such as 1h or 90s");
    }
    settings.interval = *every;
  }
  auto how = export_of(settings);
  if (!how) {
    return fail(kExitUsage, how.error());
  }
  how->renew_all = flags.renew_all;
  node::ExportInput input;
  if (!flags.batch.address.empty()) {
    input.batch = flags.batch;
    MUSTER_TRY(input.locally_trusted, take_out_signers(options));
  }
  MUSTER_TRY(OfflineInput records, offline_input(options, flags.load));
  input.node = std::move(records.node);
  input.from = records.from;
  input.keeps = std::make_shared<const StoreDirectory>(std::move(records.directory));
  input.how = *std::move(how);
  input.metrics_file = settings.metrics_file;
  return input;
}

/// What the command line and the configuration say now.
struct ReadExport {
  LogOptions log;
  node::ExportInput input;
};
Outcome<ReadExport> read_export(const ExportFlags& flags) {
  MUSTER_TRY(Options options, read_options(flags.responder));
  MUSTER_TRY(node::ExportInput input, input_of(flags, options));
  return ReadExport{options.log, std::move(input)};
}

node::ExportReader reader_of(const ExportFlags& flags) {
  return [&flags]() -> node::NodeResult<node::ExportInput> {
    auto read = read_export(flags);
    if (!read) {
      const bool is_usage = read.error().exit_code == kExitUsage;
      return Err{node::NodeError{is_usage ? node::NodeErrc::kUsage : node::NodeErrc::kInput,
                                 read.error().message}};
    }
    return std::move(read->input);
  };
}

Outcome<Unit> export_once(const ExportFlags& flags) {
  MUSTER_TRY(const Options options, read_options(flags.responder));
  const auto logger = make_logger({.level = LogLevel::kWarning, .format = options.log.format});
  const SystemClock clock;
  const auto exporter = node::ExportNode::make(reader_of(flags), clock, *logger);
  if (!exporter) {
    return fail(exit_code_for(exporter.error().code), exporter.error().detail);
  }
  const auto outcome = (*exporter)->run();
  if (!outcome) {
    return fail(exit_code_for(outcome.error().code), outcome.error().detail);
  }
  tell(outcome->report);
  if (std::string undone = outcome->left_undone(); !undone.empty()) {
    return fail(kExitInternal, std::move(undone));
  }
  return Unit{};
}

/// Runs again and again until SIGTERM or SIGINT.
Outcome<Unit> export_on(const ExportFlags& flags) {
  MUSTER_TRY(const Options options, read_options(flags.responder));
  const auto logger = make_logger(options.log);
  const SystemClock clock;
  net::Loop control;
  std::stop_source ending;
  std::unique_ptr<node::ExportNode> exporter;
  // Blocks the signals for every thread started below.
  const net::SignalWatch signals(control, {SIGTERM, SIGINT, SIGHUP}, [&](int signal) {
    if (signal == SIGHUP) {
      exporter->request_reload();
    } else if (ending.request_stop()) {
      logger->log(LogLevel::kInfo, "export.stopping", "finishing with the answers at hand");
      control.after(kLeavingPatience, [&logger] {
        logger->log(LogLevel::kError, "export.gave_up",
                    "a key, a command or a file system does not answer; leaving without waiting "
                    "for it any longer (the next export makes up for it)");
        std::_Exit(kExitInternal);  // threads that hang cannot be joined
      });
    }
  });
  auto made = node::ExportNode::make(reader_of(flags), clock, *logger);
  if (!made) {
    return fail(exit_code_for(made.error().code), made.error().detail);
  }
  exporter = *std::move(made);
  std::printf("exporting every %s\n", format_duration(exporter->interval()).c_str());
  std::fflush(stdout);
  std::thread following([&] {
    exporter->follow(ending.get_token());
    control.stop();
  });
  control.run();
  following.join();
  return Unit{};
}

}  // namespace

int run_export(int argc, char** argv) {
  CLI::App app("Writes signed answers as files, for web servers and CDNs.",
               "muster responder export");
  ExportFlags flags;
  app.add_option("--out", flags.out, "directory (default: [responder.export] directory)");
  app.add_option("--manifest-key", flags.manifest_key, "private key that signs the manifest (PEM)");
  app.add_option("--every", flags.every,
                 "stay, and run again after this long (1h), soon after the store has moved, and at "
                 "SIGHUP, which reads the configuration again");
  app.add_option("--metrics", flags.metrics,
                 "file to write what each run did to, for node_exporter (NAME.prom)");
  app.add_flag("--renew-all", flags.renew_all, "make every answer anew")->excludes("--every");
  app.add_flag("--load", flags.load, "read the sources anew instead of looking into the store");
  declare_access_flags(
      app, "batch",
      "take the answers from a running responder's batch listener: 8887, unix:/path, or a URL",
      flags.batch);
  declare_issuer_flags(app, flags.responder);
  app.footer(
      "Certificates are those of the configured store (read-only, beside a running responder), or "
      "of the sources, loaded aside, when there is none. Run it again, or let it stay, to bring "
      "the files up to date: only what changed or is due is signed.\n"
      "Exit codes: 0 done or stopped, 64 usage, 66 unreadable or unfit input,\n"
      "70 internal, some answers could not be had, or caches not told.");
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }
  if (const auto done = flags.every.empty() ? export_once(flags) : export_on(flags); !done) {
    std::fprintf(stderr, "muster responder export: %s\n", done.error().message.c_str());
    return done.error().exit_code;
  }
  return kExitOk;
}

}  // namespace muster::app
