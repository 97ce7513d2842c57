#pragma once

#include "muster/config/config.h"
#include "muster/node/options.h"

namespace muster::app {

/// [responder.admin]
struct AdminSettings {
  node::AdminOptions admin;
  std::int64_t max_connections = 64;
  config::Size max_request{64 * 1024};
};

void bind(config::Section& section, AdminSettings& settings);
node::AdminOptions admin_of(const AdminSettings& settings);

/// Keys of a listener for the few that admin and push share.
void bind_limits(config::Section& section, node::ControlLimits& limits,
                 std::int64_t& max_connections);
void bind_tls(config::Section& section, node::TlsFiles& files);

}  // namespace muster::app
