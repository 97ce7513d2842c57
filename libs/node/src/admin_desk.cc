#include "admin_desk.h"

namespace muster::node {

AdminDesk::AdminDesk(AdminActions& actions, const AdminOptions& options, const Clock& clock,
                     Logger& logger)
    : actions_(actions), options_(options), clock_(clock), logger_(logger), started_(clock.now()) {
  reloads_.last_success = started_;
}

NodeResult<Unit> AdminDesk::listen(ListenerFiles files) {
  if (files.addresses.empty()) {
    return Unit{};
  }
  handler_ = std::make_unique<AdminHandler>(actions_, options_, stats_, logger_);
  auto listening =
      ControlServer::listen("admin", files.addresses, std::move(files.certificates),
                            kAdminSocketMode, options_.limits, *handler_, stats_, logger_);
  if (!listening) {
    return Err{cannot_listen(listening.error())};
  }
  server_ = *std::move(listening);
  addresses_ = server_->addresses();
  return Unit{};
}

void AdminDesk::set_tls(std::shared_ptr<const tls::ServerContext> tls) {
  if (server_ != nullptr) {
    server_->set_tls(std::move(tls));
  }
}

void AdminDesk::note(const NodeResult<ReloadReport>& outcome) {
  const MutexLock lock(published_);
  reloads_.note(outcome, clock_.now());
}

NodeResult<ReloadReport> AdminDesk::tell(NodeResult<ReloadReport> outcome) {
  note(outcome);
  if (!outcome) {
    logger_.log(LogLevel::kError, std::string(actions_.program()) + ".reload_failed",
                "going on with the configuration in use", {{"why", outcome.error().detail}});
  }
  return outcome;
}

void AdminDesk::drain_slowly() {
  if (!draining_.exchange(true)) {
    std::unique_lock lock(stopping_mutex_);
    stopping_moved_.wait_for(lock, options_.drain_delay, [this] { return stopping_; });
  }
}

void AdminDesk::hurry() {
  {
    const std::lock_guard lock(stopping_mutex_);
    stopping_ = true;
  }
  stopping_moved_.notify_all();
}

void AdminDesk::add_draining(Readiness& out) const {
  if (draining_) {
    out.checks.push_back({"draining", "", false, "asked to drain, or stopping"});
  }
}

void AdminDesk::stop() {
  if (server_ != nullptr) {
    server_->stop();
  }
}

MetricsInput AdminDesk::figures() const {
  MetricsInput in = process_of(clock_, started_);
  in.is_ready = actions_.readiness().is_ready();
  in.is_draining = draining_;
  in.listeners = {figures_of("admin", stats_)};
  const MutexLock lock(published_);
  in.reloads = reloads_;
  return in;
}

}  // namespace muster::node
