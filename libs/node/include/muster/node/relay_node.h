#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "muster/node/node.h"
#include "muster/relay/relay_service.h"
#include "muster/stapler/inventory.h"

// The relay process without a process: setup read from files, service, admin listener (decision
// 051).
namespace muster::node {

/// An issuer as the operator wrote it.
struct RelayIssuer {
  std::string certificate;  ///< file; several certificates in it are several issuers
  std::string label;        ///< for people; empty: its subject
  std::vector<std::string> responders;
};

/// Issuers, certificates and what comes from their files follow a reload; everything else stays as
/// it is until a restart.
struct RelayNodeOptions {
  std::vector<RelayIssuer> issuers;
  std::vector<stapler::CertificateSource> certificates;
  std::vector<HashAlgorithm> forms{HashAlgorithm::kSha1};
  relay::RelayOptions relay;
  AdminOptions admin;
  /// Without a turn of the engine for so long it stands still: /readyz fails.
  Seconds engine_patience{30};
};
/// Reads the configuration again, at each reload.
using RelayOptionsReader = std::function<NodeResult<RelayNodeOptions>()>;

/// Threads: every method from any thread but the node's own.
/// Logged events: relay.reloaded, .reload_failed, .restart_needed, .problem; those of
/// relay::Engine.
class RelayNode {
 public:
  /// Takes up what is on disk, listens, serves and fetches. `clock` and `logger` outlive the node.
  /// Errors: kUsage, kInput, kAddress.
  static NodeResult<std::unique_ptr<RelayNode>> start(const RelayNodeOptions& options,
                                                      RelayOptionsReader read_again,
                                                      const Clock& clock, Logger& logger);
  /// As stop().
  ~RelayNode();
  RelayNode(const RelayNode&) = delete;
  RelayNode& operator=(const RelayNode&) = delete;

  /// Where it listens for OCSP, with real ports.
  [[nodiscard]] const std::vector<std::string>& addresses() const;
  [[nodiscard]] std::vector<std::string> admin_addresses() const;

  /// Reads configuration and certificates again and goes by them; what is held about issuers that
  /// stay is kept. On every error everything stays as it was.
  NodeResult<ReloadReport> reload();
  /// Is not ready from here on, and after AdminOptions::drain_delay stops accepting OCSP
  /// connections and finishes what is in flight. Idempotent.
  void drain();
  /// drain(), then ends everything. Idempotent.
  void stop();

 private:
  struct Impl;
  explicit RelayNode(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::node
