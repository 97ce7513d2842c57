#pragma once

#include "muster/config/config.h"
#include "muster/node/relay_node.h"
#include "options_admin.h"

namespace muster::app {

/// [relay]
struct RelaySettings {
  node::RelayNodeOptions relay;
  std::int64_t loops = 0;
  std::int64_t max_connections = static_cast<std::int64_t>(net::HttpLimits{}.max_connections);
  std::int64_t max_answers = static_cast<std::int64_t>(relay::EngineLimits{}.max_answers);
  config::Size max_held{relay::EngineLimits{}.max_held_bytes};
  config::Size max_response{64 * 1024};
  std::int64_t max_pending = static_cast<std::int64_t>(relay::EngineLimits{}.max_pending);
  std::int64_t max_waiting = static_cast<std::int64_t>(relay::EngineLimits{}.max_waiting);
  std::int64_t max_passing = static_cast<std::int64_t>(relay::EngineLimits{}.max_passing);
  std::int64_t max_cert_ids = static_cast<std::int64_t>(relay::HandlerOptions{}.max_cert_ids);
  std::int64_t base64_limit = static_cast<std::int64_t>(relay::EngineOptions{}.base64_limit);
  std::int64_t per_host = keeper::PlanPolicy{}.per_host;
  std::int64_t refresh_percent = 30;
  std::vector<std::string> forms{"sha1"};
  AdminSettings admin;  ///< [relay.admin]
};

void bind(config::Section& section, RelaySettings& settings);
/// Errors (text): a hash that is none.
Result<node::RelayNodeOptions, std::string> wire(const RelaySettings& settings);

}  // namespace muster::app
