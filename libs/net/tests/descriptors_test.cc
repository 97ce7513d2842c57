#include "muster/net/descriptors.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "muster/testing/few_descriptors.h"
#include "muster/testing/memory_logger.h"

namespace muster::net {
namespace {

/// check_descriptors() of a process that may have `most`.
Result<Unit, NetError> check_with(rlim_t most, std::size_t loops) {
  const testing::FewDescriptors few(most);
  return check_descriptors(loops);
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

TEST(ConnectionsOfEach, AServerAtEachAddressOnEachLoopHasAShare) {
  const std::vector<std::string> listen = {"127.0.0.1:0", "[::1]:0", "unix:/run/muster.sock"};
  testing::MemoryLogger logger;
  const auto of_each = [&](std::size_t wanted, std::size_t loops) {
    const testing::FewDescriptors few(256);
    return connections_of_each(wanted, listen, loops, "some.descriptors", logger);
  };
  const auto all = of_each(19, 4);
  ASSERT_TRUE(all);
  EXPECT_EQ(*all, 19U);
  EXPECT_EQ(logger.text(), "");
  const auto fewer = of_each(20, 4);
  ASSERT_TRUE(fewer);
  // Less a quarter and four for each loop; two addresses on four loops, and the socket on one.
  EXPECT_EQ(*fewer, (256U - 64U - 16U) / 9);
  EXPECT_EQ(logger.warnings(), 1U);
  EXPECT_NE(logger.text().find("some.descriptors"), std::string::npos) << logger.text();
  EXPECT_NE(logger.text().find("max_connections=20 loops=4 descriptors=256 in_force=19"),
            std::string::npos)
      << logger.text();
  const auto refused = of_each(1, 200);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().os_error, EMFILE);
}

TEST(ConnectionsOfEach, AreOneAtLeastOrAnError) {
  testing::MemoryLogger logger;
  const auto at = [&](std::size_t addresses) {
    const testing::FewDescriptors few(256);
    const std::vector<std::string> listen(addresses, "127.0.0.1:0");
    return connections_of_each(10, listen, 16, "some.descriptors", logger);
  };
  const auto one = at(8);  // half of them for 128 servers
  ASSERT_TRUE(one);
  EXPECT_EQ(*one, 1U);
  const auto none = at(9);
  ASSERT_FALSE(none) << "a server that refuses everybody";
  EXPECT_EQ(none.error().os_error, EMFILE);
  const std::string text = to_string(none.error());
  EXPECT_NE(text.find("144 listeners"), std::string::npos) << text;
  EXPECT_NE(text.find("LimitNOFILE"), std::string::npos) << text;
}

}  // namespace
}  // namespace muster::net
