#include <cstdio>

#include "muster/node/offline.h"
#include "responder_flags.h"

namespace muster::app {
namespace {

struct ExportFlags {
  ResponderFlags responder;
  net::ControlAccess batch;
  std::string out, manifest_key;
  bool renew_all = false, load = false;
};

int exit_code_of(edge::ExportErrc code) {
  switch (code) {
    case edge::ExportErrc::kInput:
    case edge::ExportErrc::kAnswers:
      return kExitInput;
    case edge::ExportErrc::kBusy:
    case edge::ExportErrc::kIo:
      break;
  }
  return kExitInternal;
}

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

Outcome<Unit> export_answers(const ExportFlags& flags) {
  MUSTER_TRY(Options options, read_options(flags.responder));
  if (!flags.out.empty()) {
    options.exported.directory = flags.out;
  }
  if (!flags.manifest_key.empty()) {
    options.exported.manifest_key = flags.manifest_key;
  }
  if (options.exported.directory.empty()) {
    return fail(kExitUsage, "where to? give --out DIR (directory in [responder.export])");
  }
  auto how = export_of(options.exported);
  if (!how) {
    return fail(kExitUsage, how.error());
  }
  how->renew_all = flags.renew_all;
  const bool signs = flags.batch.address.empty();
  MUSTER_TRY(const std::vector<pki::Certificate> locally_trusted,
             signs ? Outcome<std::vector<pki::Certificate>>(std::vector<pki::Certificate>())
                   : take_out_signers(options));
  MUSTER_TRY(const OfflineInput input, offline_input(options, flags.load));
  const SystemClock clock;
  const auto logger = make_logger({.level = LogLevel::kWarning, .format = options.log.format});
  const auto offline =
      node::open_offline(input.node, input.from, clock, *logger,
                         signs ? responder::SignerKeys::kLoaded : responder::SignerKeys::kLeftOut);
  if (!offline) {
    return fail(exit_code_for(offline.error().code), offline.error().detail);
  }
  for (const std::string& warning : offline->warnings) {
    logger->log(LogLevel::kWarning, "export.check", warning);
  }
  for (const std::string& fault : edge::interval_faults(*offline->setup, how->interval)) {
    logger->log(LogLevel::kWarning, "export.interval", fault);
  }
  const auto answers = signs
                           ? edge::make_local_answers(offline->setup, *offline->store,
                                                      responder::kernel_clock_error())
                           : edge::make_batch_answers(
                                 edge::call_batch(flags.batch), offline->setup,
                                 {.directory = how->directory, .locally_trusted = locally_trusted});
  const auto report =
      edge::run_export(*how, *offline->setup, *offline->store, *answers, clock, *logger);
  if (!report) {
    return fail(exit_code_of(report.error().code), report.error().detail);
  }
  tell(*report);
  if (!report->purge.not_purged.empty()) {
    return fail(kExitInternal,
                "the export is done, but caches were not told of all changes; the "
                "next export tries again");
  }
  if (const edge::Missed& missed = answers->missed(); missed.count != 0) {
    return fail(kExitInternal,
                "the export is done, but " + std::to_string(missed.count) +
                    " answers could not be had now; what stands of before stays until it ends, and "
                    "the next export tries again; the first: " +
                    missed.why);
  }
  return Unit{};
}

}  // namespace

int run_export(int argc, char** argv) {
  CLI::App app("Writes signed answers as files, for web servers and CDNs.",
               "muster responder export");
  ExportFlags flags;
  app.add_option("--out", flags.out, "directory (default: [responder.export] directory)");
  app.add_option("--manifest-key", flags.manifest_key, "private key that signs the manifest (PEM)");
  app.add_flag("--renew-all", flags.renew_all, "make every answer anew");
  app.add_flag("--load", flags.load, "read the sources anew instead of looking into the store");
  declare_access_flags(
      app, "batch",
      "take the answers from a running responder's batch listener: 8887, unix:/path, or a URL",
      flags.batch);
  declare_issuer_flags(app, flags.responder);
  app.footer(
      "Certificates are those of the configured store (read-only, beside a running responder), or "
      "of the sources, loaded\naside, when there is none. Run it again to bring the files up to "
      "date: only what changed or is due is signed.\n"
      "Exit codes: 0 done, 64 usage, 66 unreadable or unfit input, 70 internal, some answers could "
      "not be had, or caches not\ntold.");
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }
  if (const auto done = export_answers(flags); !done) {
    std::fprintf(stderr, "muster responder export: %s\n", done.error().message.c_str());
    return done.error().exit_code;
  }
  return kExitOk;
}

}  // namespace muster::app
