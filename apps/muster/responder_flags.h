#pragma once

#include "cli.h"
#include "muster/net/control_fetch.h"
#include "muster/node/explain.h"
#include "muster/node/node.h"
#include "options.h"

// What `muster responder` and `muster responder explain` are told, and what they make of it.
namespace muster::app {

/// What the command line says; nothing where it is silent, so that the file's values stand.
struct ResponderFlags {
  std::string config;
  std::vector<std::string> listen, admin;
  std::optional<std::int64_t> loops;
  std::optional<std::string> store, prefix, nonce;
  std::string ca, signer, key, key_pass, index, crl, unlisted, unissued, validity;
};

/// Flags that say what is answered for, and how.
void declare_issuer_flags(CLI::App& app, ResponderFlags& flags);

/// File first, flags over it.
Outcome<Options> read_options(const ResponderFlags& flags);

/// What the options promise to keep needs a store that stays: pushed records and those of `muster
/// store`, which nothing could bring back, and the numbers of published CRLs. Errors: kExitUsage.
Outcome<Unit> check_store(const Options& options);

/// The options as the library wants them; `store` is where the database lies when the file names no
/// place.
Outcome<node::NodeOptions> node_options(const Options& options, const std::string& store);
int exit_code_for(node::NodeErrc code);

/// A directory for the store of a responder that was given none; gone with it.
class StoreDirectory {
 public:
  static Outcome<StoreDirectory> make(const std::string& configured);
  StoreDirectory(StoreDirectory&& other) noexcept
      : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, false)) {}
  StoreDirectory& operator=(StoreDirectory&&) = delete;
  ~StoreDirectory();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  StoreDirectory(std::string path, bool temporary)
      : path_(std::move(path)), temporary_(temporary) {}
  std::string path_;
  bool temporary_;
};

/// Where records come from for commands that look at them without a node.
struct OfflineInput {
  StoreDirectory directory;  ///< as long as the records are looked at
  node::NodeOptions node;
  node::ExplainFrom from;
};
/// The configured store, read-only beside whoever keeps it; or the sources, loaded into a fresh
/// one, when there is none or `load_sources`.
Outcome<OfflineInput> offline_input(const Options& options, bool load_sources);

/// Flags that say which listener of a running responder is asked, and as whom: --NAME, --NAME-cert,
/// --NAME-key, --NAME-ca.
void declare_access_flags(CLI::App& app, const std::string& name, const std::string& help,
                          net::ControlAccess& access);

}  // namespace muster::app
