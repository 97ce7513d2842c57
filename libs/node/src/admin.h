#pragma once

#include "control_server.h"
#include "muster/node/node.h"
#include "muster/node/readiness.h"

// The admin listener's pages.
namespace muster::node {

/// What the pages ask of a node. Threads: any.
class AdminActions {
 public:
  virtual ~AdminActions() = default;
  virtual Readiness readiness() = 0;
  virtual std::string metrics() = 0;
  virtual NodeResult<ReloadReport> reload() = 0;
  virtual void drain() = 0;
  /// JSON of what `client` would be answered to an OCSP request, and why.
  virtual std::string explain(Bytes request, const responder::Client& client) = 0;
};

class AdminHandler final : public ControlHandler {
 public:
  AdminHandler(AdminActions& actions, const AdminOptions& options, ControlStats& stats,
               Logger& logger)
      : actions_(actions),
        hosts_(options.hosts),
        max_body_bytes_(options.max_body_bytes),
        stats_(stats),
        logger_(logger) {}
  void handle(Exchange& exchange) override;

 private:
  void show_readiness(Exchange& exchange);
  void reload(Exchange& exchange);
  void drain(Exchange& exchange);
  void explain(Exchange& exchange);

  AdminActions& actions_;
  const std::vector<std::string> hosts_;
  const std::size_t max_body_bytes_;
  ControlStats& stats_;
  Logger& logger_;
};

}  // namespace muster::node
