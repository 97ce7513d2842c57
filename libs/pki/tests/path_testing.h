#pragma once

#include <gtest/gtest.h>

#include "muster/pki/keys.h"
#include "muster/testing/pki_builder.h"

// What tests of the search for a path share.
namespace muster::pki {

using muster::testing::ca_spec;
using muster::testing::CertificateSpec;
using muster::testing::Identity;
using muster::testing::issue;
using muster::testing::kTestNow;
using muster::testing::leaf_spec;
using muster::testing::make_self_signed;
using muster::testing::TestKey;

using Path = std::vector<Certificate>;

inline PkiResult<Path> find(const Certificate& leaf, const Path& intermediates, const Path& anchors,
                            UnixSeconds now = kTestNow,
                            LeafValidity validity = LeafValidity::kChecked) {
  return find_path(leaf, intermediates, anchors, now, validity);
}
inline PkiResult<Path> find(const Identity& leaf, const Path& intermediates, const Path& anchors,
                            UnixSeconds now = kTestNow,
                            LeafValidity validity = LeafValidity::kChecked) {
  return find(leaf.certificate, intermediates, anchors, now, validity);
}
/// Why there is no path.
inline PkiErrc refusal(const PkiResult<Path>& result) {
  EXPECT_FALSE(result);
  return result.error().code;
}

}  // namespace muster::pki
