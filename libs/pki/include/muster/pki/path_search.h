#pragma once

#include "muster/pki/keys.h"

namespace muster::pki {

/// What find_path() comes to, and what it cost.
struct PathSearch {
  PkiResult<std::vector<Certificate>> path;
  std::size_t signatures = 0;  ///< tried by the search, and those that OpenSSL verified once more
};
/// find_path() for those who ration what strangers make them verify.
PathSearch search_path(const Certificate& leaf, std::span<const Certificate> intermediates,
                       std::span<const Certificate> anchors, UnixSeconds now,
                       LeafValidity leaf_validity = LeafValidity::kChecked,
                       const AlgorithmPolicy& policy = {});

}  // namespace muster::pki
