#include "muster/net/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cerrno>

namespace muster::net {
namespace {

/// check_descriptors() of a process that may have `most`.
Result<Unit, NetError> check_with(rlim_t most, std::size_t loops) {
  rlimit usual{};
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  const rlimit few{most, usual.rlim_max};
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  auto checked = check_descriptors(loops);
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
  return checked;
}

TEST(Descriptors, EveryProcessNeedsSomeAndEveryLoopMore) {
  EXPECT_TRUE(check_with(64, 0));
  EXPECT_FALSE(check_with(63, 0));
  EXPECT_FALSE(check_with(64, 1));
  EXPECT_TRUE(check_with(72, 1));
  EXPECT_FALSE(check_with(256, 200));
}

TEST(Descriptors, WhoHasTooFewIsToldHowManyAndHowToGetThem) {
  const auto checked = check_with(63, 2);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, NetErrc::kSystem);
  EXPECT_EQ(checked.error().os_error, EMFILE);
  const std::string text = to_string(checked.error());
  EXPECT_NE(text.find("63 descriptors where 80 are needed for 2 loops"), std::string::npos) << text;
  EXPECT_NE(text.find("LimitNOFILE"), std::string::npos) << text;
}

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
