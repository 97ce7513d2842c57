#include "muster/edge/edge_service.h"

#include <cerrno>

#include "edge_world.h"
#include "muster/net/fetcher.h"
#include "muster/testing/few_descriptors.h"
#include "muster/testing/memory_logger.h"

namespace muster::edge {
namespace {

Buffer post(const std::string& address, const Buffer& body) {
  net::FetchRequest fetch;
  fetch.url = "http://" + address + "/";
  fetch.post_body = body;
  const auto got = net::fetch(fetch);
  EXPECT_TRUE(got) << (got ? "" : got.error().detail);
  return got ? got->body : Buffer();
}

TEST(EdgeService, EveryLoopAnswersFromOneMirrorAndIsCounted) {
  EdgeWorld world;
  world.pull();
  EdgeServiceOptions options;
  options.listen = {"127.0.0.1:0", "unix:" + world.dir.file("edge.sock")};
  options.loops = 3;
  auto service = EdgeService::start(options, *world.mirror, world.clock, null_logger());
  ASSERT_TRUE(service);
  EXPECT_EQ((*service)->loops(), 3U);
  ASSERT_EQ((*service)->addresses().size(), 2U);
  const std::string& address = (*service)->addresses()[0];
  constexpr std::uint64_t kRequests = 60;  // each on a connection of its own: any loop gets it
  for (std::uint64_t i = 0; i < kRequests; ++i) {
    EXPECT_EQ(post(address, world.request(serial_of(1), HashAlgorithm::kSha256)),
              world.file(serial_of(1)));
  }
  EXPECT_EQ(post(address, Buffer{1}).size(), 5U);
  net::FetchRequest get;
  get.url = "http://" + address + "/" +
            get_spellings(world.request(serial_of(2), HashAlgorithm::kSha1)).front();
  EXPECT_TRUE(net::fetch(get));
  const EdgeTotals totals = (*service)->totals();
  EXPECT_EQ(totals.post, kRequests + 1);
  EXPECT_EQ(totals.get, 1U);
  EXPECT_EQ(totals.answered, kRequests + 1);
  EXPECT_EQ(totals.malformed, 1U);
  EXPECT_EQ((*service)->http_totals().requests, kRequests + 2);
  (*service)->stop();
  (*service)->stop();
  EXPECT_FALSE(net::fetch(get));
}

TEST(EdgeService, RefusesMoreLoopsThanThereAreDescriptorsFor) {
  const EdgeWorld world;
  EdgeServiceOptions options;
  options.listen = {"127.0.0.1:0"};
  options.loops = 200;
  const auto refused = [&] {
    const testing::FewDescriptors few(256);
    return EdgeService::start(options, *world.mirror, world.clock, null_logger());
  }();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().os_error, EMFILE);
}

TEST(EdgeService, TakesNoMoreConnectionsThanThereAreDescriptorsFor) {
  const EdgeWorld world;
  EdgeServiceOptions options;
  options.listen = {"127.0.0.1:0"};
  options.loops = 2;
  testing::MemoryLogger logger;
  const auto service = [&] {
    const testing::FewDescriptors few(128);
    return EdgeService::start(options, *world.mirror, world.clock, logger);
  }();
  ASSERT_TRUE(service);
  EXPECT_EQ((*service)->http_totals().max_connections, 88U) << "a quarter and four a loop are not";
  EXPECT_EQ(logger.count("edge.descriptors"), 1U) << logger.text();
}

TEST(EdgeService, SaysWhyItCannotListen) {
  const EdgeWorld world;
  const auto taken = net::Listener::open("127.0.0.1:0", 1);
  ASSERT_TRUE(taken);
  EdgeServiceOptions options;
  options.listen = {taken->address()};
  const auto refused = EdgeService::start(options, *world.mirror, world.clock, null_logger());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, net::NetErrc::kInUse);
}

}  // namespace
}  // namespace muster::edge
