#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "muster/base/log.h"
#include "muster/node/options.h"
#include "muster/signers/delegate_book.h"
#include "muster/store/store.h"

// The responder process without a process: store, sources, signers and service put together,
// reloaded, drained. Commands give it options, a clock and a logger, and nothing else; so do tests.
namespace muster::node {

/// What a reload came to.
struct ReloadReport {
  std::vector<std::string> warnings;
  /// What changed in the configuration and waits for a restart; empty: nothing.
  std::vector<std::string> restart_needed;
};

/// A delegate in a signer directory.
struct IssuerDelegate {
  std::string issuer;  ///< label
  signers::DelegateStatus status;
};

/// Threads: every method from any thread but the node's own, unless it says otherwise.
/// Logged events: responder.issuer, .check, .old_data, .reloaded, .reload_failed, .restart_needed,
/// .signer_expiry, .stopped; signer.* (decision 027).
class Node {
 public:
  /// Opens the store, loads certificates and keys, waits until each source was looked at once, then
  /// listens and serves. `clock` and `logger` outlive the node. Errors: kUsage, kInput (also an
  /// issuer of whose source nothing could ever be read), kSystem, kStopped (`given_up` while the
  /// sources were read).
  static NodeResult<std::unique_ptr<Node>> start(const NodeOptions& options,
                                                 OptionsReader read_again, const Clock& clock,
                                                 Logger& logger, std::stop_token given_up = {});
  /// As stop().
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Where it listens for OCSP, with real ports.
  [[nodiscard]] const std::vector<std::string>& addresses() const;
  [[nodiscard]] std::vector<std::string> admin_addresses() const;
  [[nodiscard]] std::vector<std::string> push_addresses() const;
  [[nodiscard]] std::vector<std::string> batch_addresses() const;
  [[nodiscard]] std::vector<std::string> crl_addresses() const;

  /// Reads the configuration, certificates and keys again and switches to them, while requests are
  /// answered all the time. On every error everything stays as it was, sources and records
  /// included: new sources are first read into a store of their own (which takes as much time and
  /// disk as they do), at most NodeOptions::reload_patience long. Blocks: new sources are waited
  /// for. drain() and stop() end the waiting.
  NodeResult<ReloadReport> reload();
  /// The same without waiting; the outcome is logged.
  void request_reload();

  /// Is not ready from here on, and after AdminOptions::drain_delay stops accepting OCSP
  /// connections and finishes what is in flight, at most `ServiceOptions::grace` long. The node
  /// stays and can be asked. Idempotent.
  void drain();
  [[nodiscard]] bool is_draining() const;
  /// drain(), then ends everything. Idempotent.
  void stop();

  [[nodiscard]] responder::Totals totals() const;
  /// Issuers, signers and rules in force.
  [[nodiscard]] std::shared_ptr<const responder::Setup> setup() const;
  /// One for each followed source; without those that a reload is replacing.
  [[nodiscard]] std::vector<source::SourceStatus> sources() const;
  /// What is in the signer directories, as it was seen last.
  [[nodiscard]] std::vector<IssuerDelegate> delegates() const;
  /// One for each series of CRLs.
  [[nodiscard]] std::vector<publish::SeriesStatus> publications() const;
  [[nodiscard]] store::Store& store() const;

 private:
  struct Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::node
