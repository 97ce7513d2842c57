#pragma once

#include <condition_variable>
#include <mutex>

#include "admin.h"
#include "listeners.h"
#include "metrics.h"
#include "muster/base/mutex.h"

namespace muster::node {

/// What edge, relay and stapler are to operators alike: an admin listener, reloads that are
/// counted, a drain that others get time to notice. (The responder has more listeners, and waits of
/// its own.) Threads: any, once listen() has returned.
class AdminDesk {
 public:
  /// `options`: as at the start. All outlive the desk. Time begins now.
  AdminDesk(AdminActions& actions, const AdminOptions& options, const Clock& clock, Logger& logger);

  /// Listens, if there is an address. Errors: of cannot_listen().
  NodeResult<Unit> listen(ListenerFiles files);
  /// Where it listens, with real ports; none if it does not.
  [[nodiscard]] const std::vector<std::string>& addresses() const { return addresses_; }
  /// New connections get these certificates.
  void set_tls(std::shared_ptr<const tls::ServerContext> tls);

  /// Counts how a reload ended.
  void note(const NodeResult<ReloadReport>& outcome);
  /// The same, and says so of one that failed. \return `outcome`
  NodeResult<ReloadReport> tell(NodeResult<ReloadReport> outcome);

  [[nodiscard]] bool is_draining() const { return draining_; }
  /// Not ready from here on.
  void set_draining() { draining_ = true; }
  /// The same, and the first to say so waits for AdminOptions::drain_delay, so that load balancers
  /// notice; or until hurry().
  void drain_slowly();
  void hurry();
  /// Adds a check that fails while it drains.
  void add_draining(Readiness& out) const;
  /// Ends the listener. Idempotent.
  void stop();

  /// What every process tells, its admin listener included.
  [[nodiscard]] MetricsInput figures() const;

 private:
  AdminActions& actions_;
  const AdminOptions& options_;
  const Clock& clock_;
  Logger& logger_;
  const UnixSeconds started_;
  ControlStats stats_;
  std::unique_ptr<AdminHandler> handler_;
  std::unique_ptr<ControlServer> server_;
  std::vector<std::string> addresses_;

  std::atomic<bool> draining_{false};
  mutable Mutex published_;
  ReloadFigures reloads_ MUSTER_GUARDED_BY(published_);
  std::mutex stopping_mutex_;
  std::condition_variable stopping_moved_;
  bool stopping_ = false;  ///< under stopping_mutex_
};

}  // namespace muster::node
