#include "muster/net/descriptors.h"

#include <gtest/gtest.h>

namespace muster::net {
namespace {

TEST(ConnectionsThatFit, AreWhatIsWantedWhereThereIsRoom) {
  EXPECT_EQ(connections_that_fit({.wanted = 10000, .descriptors_each = 2, .loops = 8}, 1 << 20),
            10000U);
}

TEST(ConnectionsThatFit, LeaveDescriptorsForEverythingElse) {
  // 256 for others and four for each loop; the rest is theirs.
  EXPECT_EQ(connections_that_fit({.wanted = 10000, .descriptors_each = 2, .loops = 4}, 4096),
            (4096U - 256U - 16U) / 2);
  EXPECT_EQ(connections_that_fit({.wanted = 10000, .descriptors_each = 4, .loops = 4}, 4096),
            (4096U - 256U - 16U) / 4);
}

TEST(ConnectionsThatFit, ShareFewOfThem) {
  EXPECT_EQ(connections_that_fit({.wanted = 10000, .descriptors_each = 2, .loops = 1}, 64),
            (64U - 16U - 4U) / 2)
      << "a quarter, not 256";
  EXPECT_EQ(connections_that_fit({.wanted = 10000, .descriptors_each = 2, .loops = 100}, 64),
            64U / 2 / 2)
      << "half at most";
}

}  // namespace
}  // namespace muster::net
