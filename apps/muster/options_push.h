#pragma once

#include <vector>

#include "options_admin.h"

namespace muster::app {

/// [[responder.push.client]]
struct PushClientSettings {
  push::Client client;
  std::vector<std::string> users, groups;
  std::vector<std::string> may{"issue", "revoke", "hold", "unhold"};
};

/// [responder.push]
struct PushSettings {
  node::PushOptions push;
  std::vector<PushClientSettings> clients;
  ConnectionNumbers connections;
  std::int64_t batch_lines = 1000;
  std::int64_t max_atomic_lines = 100'000;
  config::Size max_request{64 * 1024};
  config::Size max_atomic{std::uint64_t{64} << 20};
};

void bind(config::Section& section, PushSettings& settings);
/// Errors: a user or group that does not exist, an operation that is none.
config::ConfigResult<node::PushOptions> push_of(const PushSettings& settings);

}  // namespace muster::app
