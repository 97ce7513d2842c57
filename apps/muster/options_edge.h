#pragma once

#include "muster/config/config.h"
#include "muster/node/edge_node.h"
#include "options_admin.h"

namespace muster::app {

/// [edge]
struct EdgeSettings {
  node::EdgeOptions edge;
  std::int64_t loops = 0;
  std::int64_t max_connections = static_cast<std::int64_t>(net::HttpLimits{}.max_connections);
  AdminSettings admin;  ///< [edge.admin]
};

void bind(config::Section& section, EdgeSettings& settings);
node::EdgeOptions wire(const EdgeSettings& settings);

}  // namespace muster::app
