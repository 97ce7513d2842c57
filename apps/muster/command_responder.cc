#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <cstring>
#include <numeric>

#include "cli.h"
#include "muster/base/text.h"
#include "muster/net/loop.h"
#include "muster/source/watcher.h"
#include "options.h"

namespace muster::app {
namespace {

/// What the command line says; nothing where it is silent, so that the file's values stand.
struct Flags {
  std::string config;
  std::vector<std::string> listen;
  std::optional<std::int64_t> loops;
  std::optional<std::string> store, prefix, nonce;
  std::string ca, signer, key, key_pass, index, crl, unlisted, unissued, validity;
};

struct Failure {
  int exit_code;
  std::string message;
};
template <class T>
using Outcome = Result<T, Failure>;
Err<Failure> fail(int exit_code, std::string message) { return Err{Failure{exit_code, std::move(message)}}; }

void declare(CLI::App& app, Flags& flags) {
  app.add_option("-c,--config", flags.config, "configuration file (see: muster config reference)");
  app.add_option("--ca", flags.ca, "certificate of the CA to answer for");
  app.add_option("--index", flags.index, "its index.txt (openssl ca, easy-rsa)");
  app.add_option("--crl", flags.crl, "its CRL, instead of index.txt; needs --unlisted");
  app.add_option("--unlisted", flags.unlisted, "serials not on the CRL are: good, unknown or unauthorized");
  app.add_option("--unissued", flags.unissued, "serials not in index.txt are: unknown, unauthorized or revoked");
  app.add_option("--signer", flags.signer, "certificate of the OCSP signer (default: the CA signs)");
  app.add_option("--key", flags.key, "private key of the signer");
  app.add_option("--key-pass", flags.key_pass, "its passphrase: file:PATH or env:NAME");
  app.add_option("--validity", flags.validity, "from thisUpdate to nextUpdate, such as 7d or 12h");
  app.add_option("--listen", flags.listen, "address (default 127.0.0.1:8888; port 0 picks one); may be repeated")
      ->allow_extra_args(false);
  app.add_option("--loops", flags.loops, "threads that answer (default: one a core)");
  app.add_option("--store", flags.store, "directory of the status database (default: temporary)");
  app.add_option("--prefix", flags.prefix, "URL path of GET requests (default /)");
  app.add_option("--nonce", flags.nonce, "repeat nonces: echo, echo-16-32 or ignore");
  app.footer(
      "Revoking in index.txt or with a new CRL shows in the next answer; no restart.\n"
      "SIGHUP reads configuration, certificates and keys again; SIGTERM finishes what is in flight.\n"
      "Exit codes: 0 stopped, 64 usage, 66 unreadable or unfit file, 70 internal.");
}

/// The issuer that flags describe, if they describe one.
Outcome<Unit> add_issuer(const Flags& flags, ResponderOptions& options) {
  IssuerOptions issuer;
  responder::IssuerFiles& files = issuer.files;
  files.ca = flags.ca;
  files.signer = flags.signer;
  files.key = flags.key;
  files.index = flags.index;
  files.crl = flags.crl;
  issuer.key_pass = flags.key_pass;
  const auto check = [](const char* flag, const std::string& problem) -> Outcome<Unit> {
    return problem.empty() ? Outcome<Unit>(Unit{}) : fail(kExitUsage, std::string(flag) + " " + problem);
  };
  MUSTER_CHECK(check("--key-pass", check_key_pass(flags.key_pass)));
  if (!flags.unlisted.empty()) {
    MUSTER_CHECK(check("--unlisted", set_unlisted(flags.unlisted, files.policy)));
  }
  if (!flags.unissued.empty()) {
    MUSTER_CHECK(check("--unissued", set_unissued(flags.unissued, files.policy)));
  }
  if (!flags.validity.empty()) {
    const auto validity = parse_duration(flags.validity);
    MUSTER_CHECK(check("--validity", validity ? "" : "must be a duration such as 7d, 12h or 90m"));
    files.policy.validity = *validity;
  }
  const std::initializer_list<const std::string*> given = {&flags.ca,       &flags.signer,   &flags.key,
                                                           &flags.key_pass, &flags.index,    &flags.crl,
                                                           &flags.unlisted, &flags.unissued, &flags.validity};
  if (std::any_of(given.begin(), given.end(), [](const std::string* text) { return !text->empty(); })) {
    options.issuers.push_back(std::move(issuer));
  }
  return Unit{};
}

/// File first, flags over it.
Outcome<Options> read_options(const Flags& flags) {
  Options options;
  if (const auto loaded = load_options(flags.config, options); !loaded) {
    return fail(kExitUsage, loaded.error().message);
  }
  ResponderOptions& responder = options.responder;
  if (!flags.listen.empty()) {
    responder.listen = flags.listen;
  }
  responder.loops = flags.loops.value_or(responder.loops);
  responder.store = flags.store.value_or(responder.store);
  responder.prefix = flags.prefix.value_or(responder.prefix);
  if (flags.nonce) {
    if (const std::string problem = set_nonce(*flags.nonce, responder.policy); !problem.empty()) {
      return fail(kExitUsage, "--nonce " + problem);
    }
  }
  MUSTER_CHECK(add_issuer(flags, responder));
  if (responder.listen.empty()) {
    return fail(kExitUsage, "no address to listen on; give listen = [\"127.0.0.1:8888\"] (--listen)");
  }
  if (responder.loops < 0 || responder.loops > 1024) {
    return fail(kExitUsage, "--loops must lie between 0 and 1024");
  }
  if (!responder.prefix.starts_with('/')) {
    return fail(kExitUsage, "prefix must begin with '/'");
  }
  return options;
}

int exit_code_for(responder::LoadErrc code) {
  return code == responder::LoadErrc::kUsage ? kExitUsage : kExitInput;
}
int exit_code_for(responder::SetupErrc code) {
  switch (code) {
    case responder::SetupErrc::kNoIssuer:
    case responder::SetupErrc::kDuplicateIssuer:
    case responder::SetupErrc::kBadPolicy: return kExitUsage;
    case responder::SetupErrc::kSignerRefused:
    case responder::SetupErrc::kKeyMismatch:
    case responder::SetupErrc::kWeakOrUnsupported:
    case responder::SetupErrc::kTrialFailed:
    case responder::SetupErrc::kExpired: return kExitInput;
  }
  return kExitInternal;
}

/// A directory for the store of a responder that was given none; gone with it.
class StoreDirectory {
 public:
  static Outcome<StoreDirectory> make(const std::string& configured) {
    if (!configured.empty()) {
      return StoreDirectory(configured, false);
    }
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    std::string path;
    for (const std::string& parent : {std::string(runtime != nullptr ? runtime : ""), std::string("/tmp")}) {
      path = parent + "/muster-XXXXXX";
      if (!parent.empty() && ::mkdtemp(path.data()) != nullptr) {
        return StoreDirectory(std::move(path), true);
      }
    }
    return fail(kExitInternal, "cannot make a temporary directory " + path + ": " + std::strerror(errno) +
                                   "; give one with store = \"DIR\" (--store)");
  }
  StoreDirectory(StoreDirectory&& other) noexcept
      : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, false)) {}
  StoreDirectory& operator=(StoreDirectory&&) = delete;
  ~StoreDirectory() {
    if (temporary_) {
      std::error_code ignored;  // nothing can be done about it at the end
      std::filesystem::remove_all(path_, ignored);
    }
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  StoreDirectory(std::string path, bool temporary) : path_(std::move(path)), temporary_(temporary) {}
  std::string path_;
  bool temporary_;
};

/// Everything that lives as long as the process.
class Responder {
 public:
  Responder(Flags flags, const Options& options, StoreDirectory directory)
      : flags_(std::move(flags)), logger_(make_logger(options.log)), directory_(std::move(directory)) {}

  Outcome<Unit> start(const Options& options);
  /// Serves until SIGTERM or SIGINT.
  void run();

 private:
  /// What one reading of the configuration comes to.
  struct Loaded {
    std::shared_ptr<const responder::Setup> setup;
    std::vector<responder::IssuerFiles> files;  ///< in the order of setup->issuers()
    std::vector<source::SourceSpec> sources;
    std::vector<std::string> warnings;
  };
  Outcome<Loaded> load(const ResponderOptions& options);
  Outcome<Unit> open_store(const ResponderOptions& options);
  /// Watches the sources and waits for the first look at each. An issuer without any data is a failure.
  Outcome<Unit> watch(const Loaded& loaded, const ResponderOptions& options);
  void announce(const Loaded& loaded);
  void reload();
  void warn_of_expiry();

  Flags flags_;
  std::unique_ptr<Logger> logger_;
  StoreDirectory directory_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_;
  net::Loop control_;
  std::unique_ptr<net::SignalWatch> signals_;
  std::vector<source::SourceSpec> watched_;
  std::unique_ptr<source::SourceWatcher> watcher_;
  std::shared_ptr<const responder::Setup> setup_;
  ResponderOptions served_;  ///< as at the start: what a reload cannot change
  std::unique_ptr<responder::Service> service_;
};

Outcome<Unit> Responder::open_store(const ResponderOptions& options) {
  auto opened = store::Store::open(directory_.path());
  if (!opened) {
    return fail(opened.error().code == store::StoreErrc::kOpen || opened.error().code == store::StoreErrc::kNotAStore
                    ? kExitInput
                    : kExitInternal,
                "store: " + opened.error().detail);
  }
  store_ = *std::move(opened);
  served_ = options;
  return Unit{};
}

Outcome<Responder::Loaded> Responder::load(const ResponderOptions& options) {
  Loaded out;
  std::vector<responder::IssuerSpec> specs;
  for (const IssuerOptions& issuer : options.issuers) {
    responder::IssuerFiles files = files_of(issuer);
    auto spec = responder::load_issuer(files, out.warnings);
    if (!spec) {
      return fail(exit_code_for(spec.error().code), spec.error().detail);
    }
    const pki::Certificate& ca = spec->certificates.front();
    const auto id = store_->ensure_issuer(source::make_issuer_key(ca), spec->label);
    if (!id) {
      return fail(kExitInternal, "store: " + id.error().detail);
    }
    spec->store_id = *id;
    if (!files.index.empty()) {
      out.sources.push_back({source::SourceKind::kIndexTxt, files.index, ca, *id, spec->label});
    } else if (!files.crl.empty()) {
      out.sources.push_back({source::SourceKind::kCrl, files.crl, ca, *id, spec->label});
    }
    specs.push_back(*std::move(spec));
    out.files.push_back(std::move(files));
  }
  auto setup = responder::Setup::make(std::move(specs), policy_of(options), clock_.now(), out.warnings);
  if (!setup) {
    return fail(exit_code_for(setup.error().code), setup.error().detail);
  }
  out.setup = *std::move(setup);
  return out;
}

bool same_sources(const std::vector<source::SourceSpec>& a, const std::vector<source::SourceSpec>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const source::SourceSpec& x, const source::SourceSpec& y) {
                      return x.kind == y.kind && x.path == y.path && x.id == y.id && x.issuer == y.issuer;
                    });
}

Outcome<Unit> Responder::watch(const Loaded& loaded, const ResponderOptions& options) {
  source::WatchOptions watch;
  watch.poll = Milliseconds(options.check_interval);
  watcher_.reset();  // two must not write one issuer
  watched_ = loaded.sources;
  watcher_ = std::make_unique<source::SourceWatcher>(*store_, loaded.sources, watch, clock_, *logger_);
  const auto states = watcher_->wait_until_checked(std::chrono::hours(1));
  if (!states) {
    return fail(kExitInternal, "the sources could not be read within an hour");
  }
  const auto reader = store_->reader();
  reader->renew();
  for (std::size_t i = 0; i < states->size(); ++i) {
    const source::SourceStatus& state = (*states)[i];
    if (!state.error) {
      continue;
    }
    const store::IssuerState* known = reader->issuer_state(watched_[i].id);
    if (known == nullptr || known->loaded_at == UnixSeconds{}) {
      return fail(kExitInput, state.label + ": " + state.error->detail);
    }
    logger_->log(LogLevel::kWarning, "responder.old_data", "answering from the records of an earlier run",
                 {{"issuer", state.label}, {"source", state.path}, {"why", state.error->detail}});
  }
  return Unit{};
}

Outcome<Unit> Responder::start(const Options& options) {
  // Blocks the signals for every thread started below.
  signals_ = std::make_unique<net::SignalWatch>(control_, std::initializer_list<int>{SIGTERM, SIGINT, SIGHUP},
                                                [this](int signal) {
                                                  if (signal == SIGHUP) {
                                                    reload();
                                                  } else {
                                                    logger_->log(LogLevel::kInfo, "responder.stopping",
                                                                 "finishing what is in flight");
                                                    control_.stop();
                                                  }
                                                });
  MUSTER_CHECK(open_store(options.responder));
  MUSTER_TRY(Loaded loaded, load(options.responder));
  MUSTER_CHECK(watch(loaded, options.responder));
  auto service = responder::Service::start(service_of(options.responder), loaded.setup, *store_, clock_, *logger_);
  if (!service) {
    return fail(service.error().code == net::NetErrc::kBadAddress ? kExitUsage : kExitInternal,
                net::to_string(service.error()));
  }
  service_ = *std::move(service);
  setup_ = loaded.setup;
  announce(loaded);
  std::string addresses;
  for (const std::string& address : service_->addresses()) {
    addresses += (addresses.empty() ? "" : ", ") + address;
  }
  std::printf("listening on %s\n", addresses.c_str());
  std::fflush(stdout);
  return Unit{};
}

void Responder::announce(const Loaded& loaded) {
  for (std::size_t i = 0; i < loaded.files.size(); ++i) {
    logger_->log(LogLevel::kInfo, "responder.issuer",
                 responder::describe(loaded.setup->issuers()[i], loaded.files[i]));
  }
  for (const std::string& warning : loaded.warnings) {
    logger_->log(LogLevel::kWarning, "responder.check", warning);
  }
}

void Responder::reload() {
  const auto keep = [this](const std::string& why) {
    logger_->log(LogLevel::kError, "responder.reload_failed", "going on with the configuration in use", {{"why", why}});
  };
  const auto options = read_options(flags_);
  if (!options) {
    keep(options.error().message);
    return;
  }
  const ResponderOptions& next = options->responder;
  if (next.listen != served_.listen || next.loops != served_.loops || next.store != served_.store ||
      next.prefix != served_.prefix) {
    logger_->log(LogLevel::kWarning, "responder.restart_needed",
                 "listen, loops, store and prefix stay as they are until a restart");
  }
  const auto loaded = load(next);
  if (!loaded) {
    keep(loaded.error().message);
    return;
  }
  if (!same_sources(loaded->sources, watched_)) {
    if (const auto watching = watch(*loaded, next); !watching) {
      // Its issuers answer tryLater until their source can be read; the others are served.
      logger_->log(LogLevel::kError, "responder.source_unusable", watching.error().message);
    }
  } else {
    watcher_->look_now();
  }
  setup_ = loaded->setup;
  service_->adopt(setup_);
  announce(*loaded);
  logger_->log(LogLevel::kInfo, "responder.reloaded", "configuration, certificates and keys were read again");
}

void Responder::warn_of_expiry() {
  constexpr Seconds kSoon = std::chrono::hours(14 * 24);
  for (const responder::Issuer& issuer : setup_->issuers()) {
    const Seconds left = issuer.terms.not_after - clock_.now();
    if (left < kSoon) {
      logger_->log(left > Seconds(0) ? LogLevel::kWarning : LogLevel::kError, "responder.signer_expiry",
                   left > Seconds(0) ? "signer or CA certificate ends soon; renew it and send SIGHUP"
                                     : "signer or CA certificate has ended; every request is answered tryLater",
                   {{"issuer", issuer.label}, {"ends", format_iso8601(issuer.terms.not_after)}});
    }
  }
  control_.after(std::chrono::hours(1), [this] { warn_of_expiry(); });
}

void Responder::run() {
  control_.after(std::chrono::hours(1), [this] { warn_of_expiry(); });
  control_.run();
  service_->stop();
  const responder::Totals totals = service_->totals();
  logger_->log(LogLevel::kInfo, "responder.stopped", "stopped",
               {{"good", totals.good},
                {"revoked", totals.revoked},
                {"unknown", totals.unknown},
                {"signatures", totals.signatures},
                {"remembered", totals.ready_hits},
                {"refused", std::accumulate(totals.refused.begin(), totals.refused.end(), std::uint64_t{0})}});
}

}  // namespace

int run_responder(int argc, char** argv) {
  CLI::App app("Answers OCSP requests for the CAs you run.", "muster responder");
  Flags flags;
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
  for (const IssuerOptions& issuer : options->responder.issuers) {
    if (const auto checked = responder::check_options(issuer.files); !checked) {
      return complain({exit_code_for(checked.error().code), checked.error().detail});
    }
  }
  auto directory = StoreDirectory::make(options->responder.store);
  if (!directory) {
    return complain(directory.error());
  }
  Responder responder(std::move(flags), *options, *std::move(directory));
  if (const auto started = responder.start(*options); !started) {
    return complain(started.error());
  }
  responder.run();
  return kExitOk;
}

}  // namespace muster::app
