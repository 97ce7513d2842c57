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
  /// "responder", "edge": for pages and logs.
  [[nodiscard]] virtual std::string_view program() const = 0;
  virtual Readiness readiness() = 0;
  virtual std::string metrics() = 0;
  virtual NodeResult<ReloadReport> reload() = 0;
  virtual void drain() = 0;
  /// Whether there is a page for explain(). The default: no.
  [[nodiscard]] virtual bool explains() const { return false; }
  /// JSON of what `client` would be answered to an OCSP request, and why.
  virtual std::string explain(Bytes, const responder::Client&) { return {}; }
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
  void show_pages(Exchange& exchange, unsigned status);
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
