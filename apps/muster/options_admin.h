#pragma once

#include "muster/config/config.h"
#include "muster/node/options.h"

namespace muster::app {

/// Connections of a listener for the few.
struct ConnectionNumbers {
  std::int64_t all = 64;
  std::int64_t of_peer = 16;
};

/// [responder.admin], [edge.admin]
struct AdminSettings {
  node::AdminOptions admin;
  ConnectionNumbers connections;
  config::Size max_request{64 * 1024};
};

/// Keys of [responder.admin].
void bind(config::Section& section, AdminSettings& settings);
/// Those that every admin listener has.
void bind_admin(config::Section& section, AdminSettings& settings);
node::AdminOptions admin_of(const AdminSettings& settings);

/// Keys of a listener for the few that admin and push share.
void bind_limits(config::Section& section, node::ControlLimits& limits, ConnectionNumbers& numbers);
void take_over(const ConnectionNumbers& numbers, node::ControlLimits& limits);
void bind_tls(config::Section& section, node::TlsFiles& files);

}  // namespace muster::app
