#include "folded_paths.h"

namespace muster::edge {
namespace {

/// Whether other requests may come to the same path.
bool is_folded(const std::string& name) { return name.find("//") != std::string::npos; }

}  // namespace

bool FoldedPaths::claim(const std::string& name, const std::string& path) {
  return !is_folded(name) || owners_.emplace(path, name).first->second == name;
}

bool FoldedPaths::is_anothers(const std::string& name, const std::string& path) const {
  if (!is_folded(name)) {
    return false;
  }
  const auto owner = owners_.find(path);
  return owner != owners_.end() && owner->second != name;
}

}  // namespace muster::edge
