#pragma once

#include <memory>
#include <string>
#include <vector>

#include "muster/node/explain.h"

// What a node would answer from, without one.
namespace muster::node {

struct Offline {
  std::shared_ptr<store::Store> store;
  std::shared_ptr<const responder::Setup> setup;
  std::vector<std::string> warnings;
};

/// Reads configuration, certificates and keys as a node with these options would, and opens the
/// store: read-only, beside whoever keeps it, or a fresh one that the sources are loaded into.
/// Signers that our records call revoked are left out as a node would. Limits on requests and
/// signatures a second are lifted: they are for strangers.
/// \param keys  kLeftOut: the setup is one without signers, and no private key is looked for
/// Errors: those of Node::start.
NodeResult<Offline> open_offline(const NodeOptions& options, ExplainFrom from, const Clock& clock,
                                 Logger& logger,
                                 responder::SignerKeys keys = responder::SignerKeys::kLoaded);

}  // namespace muster::node
