#pragma once

#include <string>
#include <vector>

#include "muster/stapler/inventory.h"

namespace muster::stapler::testing_staples {

/// What the certificates of an inventory are called, in its order.
inline std::vector<std::string> names(const Inventory& inventory) {
  std::vector<std::string> out;
  for (const InventoryEntry& entry : inventory.entries) {
    out.push_back(entry.watched.subject.name);
  }
  return out;
}

}  // namespace muster::stapler::testing_staples
