#include "responder_flags.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace muster::app {
namespace {

/// The issuer that flags describe, if they describe one.
Outcome<Unit> add_issuer(const ResponderFlags& flags, ResponderOptions& options) {
  IssuerOptions issuer;
  responder::IssuerFiles& files = issuer.files;
  files.ca = flags.ca;
  issuer.signer.files.certificate = flags.signer;
  issuer.signer.files.key = flags.key;
  issuer.signer.key_pass = flags.key_pass;
  files.index = flags.index;
  issuer.crl = flags.crl;
  const auto check = [](const char* flag, const std::string& problem) -> Outcome<Unit> {
    return problem.empty() ? Outcome<Unit>(Unit{})
                           : fail(kExitUsage, std::string(flag) + " " + problem);
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
  const std::initializer_list<const std::string*> given = {
      &flags.ca,  &flags.signer,   &flags.key,      &flags.key_pass, &flags.index,
      &flags.crl, &flags.unlisted, &flags.unissued, &flags.validity};
  if (std::any_of(given.begin(), given.end(),
                  [](const std::string* text) { return !text->empty(); })) {
    options.issuers.push_back(std::move(issuer));
  }
  return Unit{};
}

}  // namespace

void declare_issuer_flags(CLI::App& app, ResponderFlags& flags) {
  app.add_option("-c,--config", flags.config, "configuration file (see: muster config reference)");
  app.add_option("--ca", flags.ca, "certificate of the CA to answer for");
  app.add_option("--index", flags.index, "its index.txt (openssl ca, easy-rsa)");
  app.add_option("--crl", flags.crl, "its CRL, instead of index.txt; needs --unlisted");
  app.add_option("--unlisted", flags.unlisted,
                 "serials not on the CRL are: good, unknown or unauthorized");
  app.add_option("--unissued", flags.unissued,
                 "serials not in index.txt are: unknown, unauthorized or revoked");
  app.add_option("--signer", flags.signer,
                 "certificate of the OCSP signer (default: the CA signs)");
  app.add_option("--key", flags.key, "private key of the signer");
  app.add_option("--key-pass", flags.key_pass, "its passphrase: file:PATH or env:NAME");
  app.add_option("--validity", flags.validity, "from thisUpdate to nextUpdate, such as 7d or 12h");
  app.add_option("--store", flags.store,
                 "directory of the status database (default: temporary, where "
                 "sources can tell all again)");
  app.add_option("--nonce", flags.nonce, "nonces: echo, echo-16-32, rfc8954, ignore or require");
}

Outcome<Options> read_options(const ResponderFlags& flags) {
  Options options;
  if (const auto loaded = load_options(flags.config, options); !loaded) {
    return fail(exit_code_of(loaded.error()), loaded.error().message);
  }
  ResponderOptions& responder = options.responder;
  if (!flags.listen.empty()) {
    responder.listen = flags.listen;
  }
  if (!flags.admin.empty()) {
    options.admin.admin.listen = flags.admin;
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
  MUSTER_CHECK(check_store(options));
  if (responder.listen.empty()) {
    return fail(kExitUsage,
                "no address to listen on; give listen = [\"127.0.0.1:8888\"] (--listen)");
  }
  if (responder.loops < 0 || responder.loops > 1024) {
    return fail(kExitUsage, "--loops must lie between 0 and 1024");
  }
  if (!responder.prefix.starts_with('/')) {
    return fail(kExitUsage, "prefix must begin with '/'");
  }
  return options;
}

Outcome<Unit> check_store(const Options& options) {
  if (!options.responder.store.empty()) {
    return Unit{};
  }
  const auto needs = [](const std::string& what) {
    return fail(kExitUsage, what + "; give store = \"DIR\" in [responder] (--store)");
  };
  for (std::size_t i = 0; i < options.responder.issuers.size(); ++i) {
    const IssuerOptions& issuer = options.responder.issuers[i];
    if (issuer.files.index.empty() && crl_set_of(issuer.crls, issuer.crl).empty()) {
      return needs(
          name_of(options.responder, i) +
          " has neither index nor crl, so its records live in the store alone, and a "
          "temporary one loses every revocation at the end (name a source, or keep the store)");
    }
  }
  if (!options.push.clients.empty() || !options.push.push.listen.empty()) {
    return needs("[responder.push] acknowledges what is durable, and a temporary store is not");
  }
  if (!options.publish.series.empty()) {
    return needs(
        "[[publish.crl]] numbers CRLs, and with a temporary store every start would use "
        "the same numbers again");
  }
  return Unit{};
}

int exit_code_for(node::NodeErrc code) {
  switch (code) {
    case node::NodeErrc::kUsage:
      return kExitUsage;
    case node::NodeErrc::kInput:
      return kExitInput;
    case node::NodeErrc::kAddress:
      return kExitAddress;
    case node::NodeErrc::kSystem:
    case node::NodeErrc::kStopped:
      break;
  }
  return kExitInternal;
}

Outcome<node::NodeOptions> node_options(const Options& all, const std::string& store) {
  const ResponderOptions& options = all.responder;
  if (std::string problem = check_lists(options); !problem.empty()) {
    return fail(kExitUsage, std::move(problem));
  }
  node::NodeOptions node;
  node.store = options.store.empty() ? store : options.store;
  node.store_life = options.store.empty() ? store::StoreOptions::Life::kTemporary
                                          : store::StoreOptions::Life::kLasting;
  for (std::size_t i = 0; i < options.issuers.size(); ++i) {
    auto files = files_of(options, i);
    if (!files) {
      return fail(kExitUsage, files.error());
    }
    node.issuers.push_back(*std::move(files));
  }
  node.routes = routes_of(options);
  node.policy = policy_of(options);
  node.service = service_of(options);
  node.watch.poll = Milliseconds(options.check_interval);
  node.reload_patience = Milliseconds(options.reload_timeout);
  node.admin = admin_of(all.admin);
  node.batch = batch_of(all.batch);
  auto push = push_of(all.push);
  if (!push) {
    return fail(kExitUsage, push.error().message);
  }
  node.push = *std::move(push);
  node.publication.service.listen = all.publish.listen;
  for (const SeriesOptions& series : all.publish.series) {
    node.publication.series.push_back(files_of(series));
  }
  return node;
}

Outcome<StoreDirectory> StoreDirectory::make(const std::string& configured) {
  if (!configured.empty()) {
    return StoreDirectory(configured, false);
  }
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  std::string path;
  for (const std::string& parent :
       {std::string(runtime != nullptr ? runtime : ""), std::string("/tmp")}) {
    path = parent + "/muster-XXXXXX";
    if (!parent.empty() && ::mkdtemp(path.data()) != nullptr) {
      return StoreDirectory(std::move(path), true);
    }
  }
  return fail(kExitInternal, "cannot make a temporary directory " + path + ": " +
                                 std::strerror(errno) +
                                 "; give one with store = \"DIR\" (--store)");
}
StoreDirectory::~StoreDirectory() {
  if (temporary_) {
    std::error_code ignored;  // nothing can be done about it at the end
    std::filesystem::remove_all(path_, ignored);
  }
}

Outcome<OfflineInput> offline_input(const Options& options, bool load_sources) {
  const std::string& configured = options.responder.store;
  std::error_code ignored;
  const bool from_store = !load_sources && !configured.empty() &&
                          std::filesystem::exists(configured + "/data.mdb", ignored);
  MUSTER_TRY(StoreDirectory directory, StoreDirectory::make(from_store ? configured : ""));
  MUSTER_TRY(node::NodeOptions node, node_options(options, directory.path()));
  node.store = directory.path();
  node.store_life =
      from_store ? store::StoreOptions::Life::kLasting : store::StoreOptions::Life::kTemporary;
  return OfflineInput{std::move(directory), std::move(node),
                      from_store ? node::ExplainFrom::kStore : node::ExplainFrom::kSources};
}

void declare_access_flags(CLI::App& app, const std::string& name, const std::string& help,
                          net::ControlAccess& access) {
  const std::string flag = "--" + name;
  auto* const address = app.add_option(flag, access.address, help);
  auto* const certificate =
      app.add_option(flag + "-cert", access.certificate,
                     "our certificate, where the " + name + " listener has mutual TLS (PEM)")
          ->needs(address);
  certificate->needs(
      app.add_option(flag + "-key", access.key, "its private key")->needs(certificate));
  app.add_option(flag + "-ca", access.ca, "who certifies the " + name + " listener (PEM)")
      ->needs(certificate);
}

}  // namespace muster::app
