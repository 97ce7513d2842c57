#pragma once

#include "muster/config/config.h"
#include "muster/edge/mirror.h"

namespace muster::app {

/// [edge]
struct EdgeSettings {
  edge::MirrorOptions mirror;
  std::string signer;
  std::vector<std::string> listen{"127.0.0.1:8888"};
  std::string prefix = "/";
  Seconds interval{60};
};

void bind(config::Section& section, EdgeSettings& settings);

}  // namespace muster::app
