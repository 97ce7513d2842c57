#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "muster/edge/edge_service.h"
#include "muster/edge/puller.h"
#include "muster/node/node.h"

// The edge process without a process: mirror, puller and service put together, with the admin
// listener of the responder (decision 042).
namespace muster::node {

/// `service`, `mirror` and what admin listens on stay as they are until a restart, everything else
/// follows a reload.
struct EdgeOptions {
  std::string url;              ///< edge::MirrorOrigin
  std::string manifest_signer;  ///< file: certificates of the keys that may sign manifests
  Milliseconds fetch_timeout{60'000};
  Seconds interval{60};  ///< between pulls
  edge::MirrorOptions mirror;
  edge::EdgeServiceOptions service;
  AdminOptions admin;
};
/// Reads the configuration again, at each reload.
using EdgeOptionsReader = std::function<NodeResult<EdgeOptions>()>;

/// Threads: every method from any thread but the node's own.
/// Logged events: edge.reloaded, .reload_failed, .restart_needed, .draining; those of edge::Puller.
class EdgeNode {
 public:
  /// Takes up what was pulled before, listens, serves and pulls. `clock` and `logger` outlive the
  /// node. Errors: kUsage, kInput, kAddress.
  static NodeResult<std::unique_ptr<EdgeNode>> start(const EdgeOptions& options,
                                                     EdgeOptionsReader read_again,
                                                     const Clock& clock, Logger& logger);
  /// As stop().
  ~EdgeNode();
  EdgeNode(const EdgeNode&) = delete;
  EdgeNode& operator=(const EdgeNode&) = delete;

  /// Where it listens for OCSP, with real ports.
  [[nodiscard]] const std::vector<std::string>& addresses() const;
  [[nodiscard]] std::vector<std::string> admin_addresses() const;

  /// Reads configuration and certificates again and switches to them, then pulls. On every error
  /// everything stays as it was.
  NodeResult<ReloadReport> reload();
  /// Is not ready from here on, and after AdminOptions::drain_delay stops accepting OCSP
  /// connections and finishes what is in flight. The node stays and can be asked. Idempotent.
  void drain();
  /// drain(), then ends everything. Idempotent.
  void stop();

 private:
  struct Impl;
  explicit EdgeNode(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::node
