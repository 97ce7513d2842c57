#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <cstring>

#include "cli.h"
#include "muster/base/text.h"
#include "muster/net/loop.h"
#include "muster/node/node.h"
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
  app.add_option("--nonce", flags.nonce, "nonces: echo, echo-16-32, ignore or require");
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
  issuer.signer.files.certificate = flags.signer;
  issuer.signer.files.key = flags.key;
  issuer.signer.key_pass = flags.key_pass;
  files.index = flags.index;
  issuer.crl = flags.crl;
  const auto check = [](const char* flag, const std::string& problem) -> Outcome<Unit> {
    return problem.empty() ? Outcome<Unit>(Unit{}) : fail(kExitUsage, std::string(flag) + " " + problem);
  };
  MUSTER_CHECK(check("--key-pass", check_key_pass(flags.key_pass)));
  if (!flags.unlisted.empty()) {
    MUSTER_CHECK(check("--unlisted", set_unlisted(flags.unlisted, issuer.rules)));
  }
  if (!flags.unissued.empty()) {
    MUSTER_CHECK(check("--unissued", set_unissued(flags.unissued, issuer.rules)));
  }
  if (!flags.validity.empty()) {
    const auto validity = parse_duration(flags.validity);
    MUSTER_CHECK(check("--validity", validity ? "" : "must be a duration such as 7d, 12h or 90m"));
    issuer.rules.validity = *validity;
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
    if (const std::string problem = set_nonce(*flags.nonce, responder.nonce); !problem.empty()) {
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

int exit_code_for(node::NodeErrc code) {
  switch (code) {
    case node::NodeErrc::kUsage: return kExitUsage;
    case node::NodeErrc::kInput: return kExitInput;
    case node::NodeErrc::kSystem:
    case node::NodeErrc::kStopped: break;
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

/// The options as the library wants them; `store` is where the database lies when the file names no place.
node::NodeResult<node::NodeOptions> node_options(const ResponderOptions& options, const std::string& store) {
  if (std::string problem = check_lists(options); !problem.empty()) {
    return Err{node::NodeError{node::NodeErrc::kUsage, std::move(problem)}};
  }
  node::NodeOptions node;
  node.store = options.store.empty() ? store : options.store;
  for (const IssuerOptions& issuer : options.issuers) {
    auto files = files_of(issuer, options);
    if (!files) {
      return Err{node::NodeError{node::NodeErrc::kUsage, files.error()}};
    }
    node.issuers.push_back(*std::move(files));
  }
  node.policy = policy_of(options);
  node.service = service_of(options);
  node.watch.poll = Milliseconds(options.check_interval);
  return node;
}

/// Serves until SIGTERM or SIGINT.
Outcome<Unit> serve(const Flags& flags, const Options& options, const std::string& store) {
  const auto logger = make_logger(options.log);
  const SystemClock clock;
  const auto read_again = [&flags, &store]() -> node::NodeResult<node::NodeOptions> {
    const auto fresh = read_options(flags);
    if (!fresh) {
      return Err{node::NodeError{node::NodeErrc::kUsage, fresh.error().message}};
    }
    return node_options(fresh->responder, store);
  };
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
  const auto first = node_options(options.responder, store);
  if (!first) {
    return fail(exit_code_for(first.error().code), first.error().detail);
  }
  auto started = node::Node::start(*first, read_again, clock, *logger);
  if (!started) {
    return fail(exit_code_for(started.error().code), started.error().detail);
  }
  node = *std::move(started);
  std::string addresses;
  for (const std::string& address : node->addresses()) {
    addresses += (addresses.empty() ? "" : ", ") + address;
  }
  std::printf("listening on %s\n", addresses.c_str());
  std::fflush(stdout);
  control.run();
  node->stop();
  return Unit{};
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
