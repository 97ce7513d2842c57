#pragma once

#include "options_admin.h"

namespace muster::app {

/// [responder.batch]
struct BatchSettings {
  node::BatchOptions batch;
  ConnectionNumbers connections;
  std::int64_t max_certificates = 10'000;
  config::Size max_request{2 << 20};
};

void bind(config::Section& section, BatchSettings& settings);
node::BatchOptions batch_of(const BatchSettings& settings);

}  // namespace muster::app
