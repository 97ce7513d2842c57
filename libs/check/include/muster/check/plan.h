#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/check/target.h"
#include "muster/client/gather.h"
#include "muster/pki/key_file.h"
#include "muster/probe/probe.h"

// What a run of checks is told: what to judge, and how all of it is judged.
namespace muster::check {

/// What is to be judged, as the command line names it.
struct Inputs {
  std::vector<std::string> targets;
  TargetOptions target_options;
  std::vector<Serial> serials;                  ///< of the one CA among Plan::issuers
  std::vector<pki::AskPassphrase> passphrases;  ///< for PKCS#12, tried in their order
  bool all = false;                             ///< issuers of a file or handshake too
};

/// How targets are judged; the same for all of one run.
struct Plan {
  Inputs inputs;
  client::GatherOptions gather;
  std::vector<pki::Certificate> issuers;  ///< where issuers may be found
  /// What a chain must lead to.
  std::vector<pki::Certificate> anchors;
  /// Shown to servers that ask for one.
  std::optional<probe::ClientCertificate> client_certificate;
  bool leaf_only = false;  ///< issuers are not judged
  /// For all of one target: connecting, shaking hands, asking, downloading.
  Milliseconds deadline{30'000};
  client::SourcesOptions sources;
};

}  // namespace muster::check
