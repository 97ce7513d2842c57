#pragma once

#include <string>
#include <vector>

#include "muster/publish/service.h"
#include "muster/publish/spec_files.h"

namespace muster::node {

/// CRLs that a node keeps published from its store. What they are served on stays as it is until a
/// restart.
struct PublicationOptions {
  publish::ServiceOptions service;
  std::vector<publish::SpecFiles> series;
};

}  // namespace muster::node
