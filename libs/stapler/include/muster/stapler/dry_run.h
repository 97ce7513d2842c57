#pragma once

#include <string>

#include "muster/stapler/inventory.h"
#include "muster/stapler/targets.h"

namespace muster::stapler {

/// What a stapler would be told.
struct DryRunInput {
  const Inventory& inventory;
  /// A follower's, with the inventory's subjects.
  const keeper::Shelf& shelf;
  std::string directory;  ///< of the shelf; empty: none
  keeper::KeeperOptions keeper;
  std::vector<TargetOptions> targets;  ///< check_targets() found nothing wrong with them
};
/// What a stapler started at `now` would fetch and when, and what it would hand over where, as a
/// table for people. Reads files and changes nothing; asks nobody.
std::string render_dry_run(const DryRunInput& input, UnixSeconds now);

}  // namespace muster::stapler
