#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "muster/node/node.h"
#include "muster/stapler/status.h"

// The admin listener of a stapler, which lives on a loop of its own: what it says of itself comes
// as reports.
namespace muster::node {

/// Threads: every method from any thread but its own.
class StaplerAdmin {
 public:
  /// Reads configuration and certificates again; called by threads of the listener. Errors are told
  /// as they are.
  using Reload = std::function<NodeResult<ReloadReport>()>;

  /// Listens. `options.listen` is not empty. `clock` and `logger` outlive it. Errors: kUsage,
  /// kInput, kAddress.
  static NodeResult<std::unique_ptr<StaplerAdmin>> start(const AdminOptions& options, Reload reload,
                                                         const Clock& clock, Logger& logger);
  /// As stop().
  ~StaplerAdmin();
  StaplerAdmin(const StaplerAdmin&) = delete;
  StaplerAdmin& operator=(const StaplerAdmin&) = delete;

  [[nodiscard]] const std::vector<std::string>& addresses() const;
  /// The newest report: what /metrics and /readyz go by. Without one for stapler::kStatusTooOld the
  /// stapler is not ready.
  void publish(std::shared_ptr<const stapler::StatusReport> report);
  /// Whether the first round is over: before, it is not ready.
  void set_ready();
  /// Stops listening; requests in flight end. Idempotent.
  void stop();

 private:
  struct Impl;
  explicit StaplerAdmin(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::node
