#pragma once

#include "delegates.h"
#include "muster/node/node.h"

namespace muster::node {

/// What one reading of the configuration comes to.
struct Loaded {
  std::shared_ptr<const responder::Setup> setup;
  std::vector<responder::IssuerFiles> files;  ///< in the order of setup->issuers()
  std::vector<source::SourceSpec> sources;
  std::vector<std::string> warnings;
  std::shared_ptr<Delegates> delegates;       ///< never null
  bool is_incomplete = false;                 ///< a signer was left out because its token does not answer
};

/// Reads certificates and keys, gives each issuer its number in the store, judges everything at `now`. Changes nothing else.
/// \param before  what is known of signer directories; null at the start
NodeResult<Loaded> load(const NodeOptions& options, store::Store& store, UnixSeconds now, const Delegates* before, Logger& logger);

/// Whether both name the same files, places and rules for the same issuer.
bool same_source(const source::SourceSpec& a, const source::SourceSpec& b);

NodeError error_of(const store::StoreError& error);

}  // namespace muster::node
