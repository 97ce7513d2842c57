#include "muster/net/http_servers.h"

#include <unistd.h>

#include <thread>

#include "http_server_fixture.h"

namespace muster::net {
namespace {

using Addresses = std::vector<std::string>;

TEST(HttpServers, TheFirstLoopSettlesWhereAndTheOthersJoinIt) {
  const std::string path = ::testing::TempDir() + "muster-servers-" + std::to_string(::getpid());
  const Addresses wanted = {"127.0.0.1:0", "unix:" + path};
  TestHandler handler;
  Loop first, second;
  HttpServers of_first(first), of_second(second);
  Addresses settled;
  ASSERT_TRUE(of_first.listen(wanted, settled, {}, handler));
  ASSERT_EQ(settled.size(), 2U);
  EXPECT_FALSE(settled[0].ends_with(":0"));
  EXPECT_EQ(settled[1], wanted[1]);
  const Addresses before = settled;
  ASSERT_TRUE(of_second.listen(wanted, settled, {}, handler));
  EXPECT_EQ(settled, before);
  ASSERT_EQ(of_second.all().size(), 1U) << "a path has one owner";
  EXPECT_EQ(of_second.all().front()->address(), settled[0]);
}

TEST(HttpServers, AnAddressThatCannotBeUsedIsAnError) {
  TestHandler handler;
  Loop loop;
  HttpServers servers(loop);
  Addresses settled;
  const auto listening = servers.listen({"127.0.0.1:0", "nowhere:80"}, settled, {}, handler);
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code, NetErrc::kBadAddress);
}

// A loop that did not stop would keep its thread, and this test, for ever.
TEST(HttpServers, DrainedTheyStopTheirLoop) {
  for (const Addresses& wanted :
       {Addresses{}, Addresses{"127.0.0.1:0"}, Addresses{"127.0.0.1:0", "127.0.0.1:0"}}) {
    TestHandler handler;
    Loop loop;
    HttpServers servers(loop);
    Addresses settled;
    ASSERT_TRUE(servers.listen(wanted, settled, {}, handler));
    std::thread thread([&loop] { loop.run(); });
    loop.post([&servers] { servers.drain(Milliseconds(1000)); });
    thread.join();
  }
}

}  // namespace
}  // namespace muster::net
