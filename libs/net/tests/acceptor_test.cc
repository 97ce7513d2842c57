#include "muster/net/acceptor.h"

#include <gtest/gtest.h>

#include <vector>

#include "net_testing.h"

namespace muster::net {
namespace {

TEST(Acceptor, RestsAfterTurningManyAway) {
  constexpr std::size_t kMany = 40;
  Loop loop;
  auto listener = Listener::open("127.0.0.1:0", 64);
  ASSERT_TRUE(listener);
  std::vector<RawClient> clients;
  for (std::size_t i = 0; i < kMany; ++i) {
    clients.emplace_back(listener->address());
  }
  std::vector<MonotonicTime> turned_away;
  Acceptor acceptor(loop, *std::move(listener),
                    {.accepted =
                         [&](UniqueFd) {
                           turned_away.push_back(loop.now());
                           acceptor.refused();
                           if (turned_away.size() == kMany) {
                             loop.stop();
                           }
                         },
                     .paused = [] { ADD_FAILURE() << "there are descriptors"; }});
  loop.run();
  ASSERT_EQ(turned_away.size(), kMany) << "all are told";
  EXPECT_GE(turned_away[16] - turned_away[0], Milliseconds(1));
  EXPECT_GE(turned_away[32] - turned_away[16], Milliseconds(1));
}

TEST(Acceptor, TakesAllThatWaitWhenItFinishes) {
  constexpr int kMany = 40;
  Loop loop;
  auto listener = Listener::open("127.0.0.1:0", 64);
  ASSERT_TRUE(listener);
  std::vector<RawClient> clients;
  for (int i = 0; i < kMany; ++i) {
    clients.emplace_back(listener->address());
  }
  int turned_away = 0;
  Acceptor acceptor(loop, *std::move(listener),
                    {.accepted =
                         [&](UniqueFd) {
                           ++turned_away;
                           acceptor.refused();
                         },
                     .paused = [] { ADD_FAILURE() << "there are descriptors"; }});
  acceptor.finish();
  EXPECT_EQ(turned_away, kMany);
}

}  // namespace
}  // namespace muster::net
