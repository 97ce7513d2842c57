#include <unistd.h>

#include <vector>

#include "http_server_fixture.h"
#include "muster/testing/allocation_counter.h"
#include "muster/testing/few_descriptors.h"

namespace muster::net {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// req: OCSP-RESP-078
TEST_F(HttpServerTest, BoundsTargetHeadersAndBody) {
  start({.max_target_bytes = 1000, .max_header_bytes = 2000, .max_body_bytes = 100});
  EXPECT_THAT(ask("GET /" + std::string(1200, 'a') + " HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 414 "));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nA: " + std::string(3000, 'a') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(ask("POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(stats().too_large, 3U);
  expect_alive();
}

// req: OCSP-RESP-078
TEST_F(HttpServerTest, LetsAClientThatSendsFarTooMuchReadItsRefusal) {
  start();
  RawClient client(address());
  client.send("POST / HTTP/1.1\r\nContent-Length: 10485760\r\n\r\n" + std::string(10 << 20, 'x'));
  EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, CutsSlowHeadersOffHoweverTheyTrickle) {
  start({.header_timeout = Milliseconds(60)});
  RawClient client(address());
  client.send("GET / HTTP/1.1\r\nX: ");
  while (!client.is_readable_within(Milliseconds(5)) && client.send("x")) {
  }
  EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(stats().header_timeouts, 1U);
  expect_alive();
}

TEST_F(HttpServerTest, CutsSlowBodiesOff) {
  start({.body_timeout = Milliseconds(60)});
  RawClient client(address());
  client.send("POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n");
  while (!client.is_readable_within(Milliseconds(5)) && client.send("x")) {
  }
  EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(stats().body_timeouts, 1U);
}

TEST_F(HttpServerTest, GivesEachRequestItsOwnDeadline) {
  start({.header_timeout = Milliseconds(1'500)});
  RawClient client(address());
  // Always a piece of the next request in the buffer, for longer than the limit, but each request
  // in time.
  client.send("GET /0 HTT");
  const auto end = std::chrono::steady_clock::now() + Milliseconds(2'000);
  for (int i = 0; std::chrono::steady_clock::now() < end; ++i) {
    ASSERT_TRUE(client.send("P/1.1\r\n\r\nGET /" + std::to_string(i + 1) + " HTT"));
    ASSERT_THAT(client.read_answer(), EndsWith("GET /" + std::to_string(i) + " "));
  }
  EXPECT_EQ(stats().header_timeouts, 0U);
}

TEST_F(HttpServerTest, ClosesIdleConnections) {
  start({.idle_timeout = Milliseconds(30)});
  RawClient silent(address());
  RawClient used(address());
  used.send("GET / HTTP/1.1\r\n\r\n");
  used.read_answer();
  EXPECT_TRUE(silent.is_at_end());
  EXPECT_TRUE(used.is_at_end());
  EXPECT_EQ(stats().idle_closes, 2U);
}

TEST_F(HttpServerTest, CutsOffWhoDoesNotTakeItsAnswer) {
  start({.write_timeout = Milliseconds(50)});
  RawClient client(address());
  client.send("GET /big/30000000 HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(eventually([&] { return stats().write_timeouts == 1; }));
  EXPECT_LT(client.read_to_end().size(), 30000000U);
  EXPECT_TRUE(eventually([&] { return stats().open_connections == 0; }));
}

TEST_F(HttpServerTest, StopsReadingFromWhoDoesNotReadAndLosesNothing) {
  start({.max_pipeline_bytes = 10000});
  RawClient client(address());
  constexpr int kRequests = 400;
  std::thread sender([&] {
    for (int i = 0; i < kRequests; ++i) {
      client.send("GET /big/100000 HTTP/1.1\r\n\r\n");
    }
  });
  EXPECT_TRUE(eventually([&] { return stats().pipeline_pauses > 0; }));
  EXPECT_LT(stats().requests, static_cast<unsigned>(kRequests));
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_GT(client.read_answer().size(), 100000U) << i;
  }
  sender.join();
  EXPECT_EQ(stats().requests, static_cast<unsigned>(kRequests));
}

TEST_F(HttpServerTest, TellsClientsBeyondTheConnectionLimit) {
  start({.max_connections = 2, .newcomer_time = kPatience});
  RawClient first(address());
  RawClient second(address());
  ASSERT_TRUE(eventually([&] { return stats().connections == 2; }));
  RawClient third(address());
  EXPECT_THAT(third.read_to_end(),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("Retry-After: 1\r\n")));
  EXPECT_EQ(stats().refused_connections, 1U);
  first.close();
  ASSERT_TRUE(eventually([&] { return stats().open_connections == 1; }));
  expect_alive();
}

TEST_F(HttpServerTest, NewOnesTakeThePlaceOfThoseWhoHaveWaitedForTheirPeerForLongest) {
  start({.max_connections = 2, .newcomer_time = Milliseconds(0)});
  RawClient oldest(address());
  ASSERT_TRUE(eventually([&] { return stats().connections == 1; }));
  oldest.send("GET /slow HTTP/1.1\r\n");
  ASSERT_TRUE(eventually([&] { return stats().buffered_bytes != 0; })) << "in an earlier turn";
  RawClient second(address());
  second.send("GET /1 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(second.read_answer(), EndsWith("GET /1 "));
  RawClient third(address());
  third.send("GET /2 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(third.read_answer(), EndsWith("GET /2 "));
  EXPECT_TRUE(oldest.is_at_end());
  EXPECT_EQ(stats().made_room, 1U);
  EXPECT_EQ(stats().refused_connections, 0U);
  second.send("GET /3 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(second.read_answer(), EndsWith("GET /3 "));
}

TEST_F(HttpServerTest, BoundsWhatUnfinishedRequestsTake) {
  start({.max_body_bytes = 100'000, .max_buffered_bytes = 300'000});
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(std::make_unique<RawClient>(address()));
    slow.back()->send("POST / HTTP/1.1\r\nContent-Length: 90000\r\n\r\n" +
                      std::string(60'000, 'x'));
    expect_alive();
  }
  EXPECT_TRUE(eventually([&] { return stats().freed_memory >= 10; }));
  EXPECT_TRUE(slow.front()->is_at_end()) << "who has waited for longest";
  EXPECT_LE(stats().buffered_bytes, 300'000U + 2 * 100'000U);
  slow.clear();
  EXPECT_TRUE(eventually([&] { return stats().buffered_bytes == 0; }));
}

TEST_F(HttpServerTest, BoundsWhatAnswersThatNobodyTakesTake) {
  start({.max_buffered_bytes = 20'000'000});
  std::vector<std::unique_ptr<RawClient>> deaf;
  for (int i = 0; i < 6; ++i) {
    deaf.push_back(std::make_unique<RawClient>(address()));
    deaf.back()->send("GET /big/10000000 HTTP/1.1\r\n\r\n");
  }
  EXPECT_TRUE(eventually([&] { return stats().freed_memory >= 1; }));
  EXPECT_LE(stats().buffered_bytes, 40'000'000U);
  expect_alive();
  deaf.clear();
  EXPECT_TRUE(eventually([&] { return stats().buffered_bytes == 0; }));
}

TEST_F(HttpServerTest, WaitsWhileDescriptorsAreShort) {
  start();
  {
    // UBSan needs a pipe for the first call on each class: it shall not be this test's shortage
    // that denies it one.
    RawClient first(address());
    first.send("GET /first HTTP/1.1\r\n\r\n");
    EXPECT_THAT(first.read_answer(), EndsWith("GET /first "));
  }
  RawClient client = RawClient::open_unconnected(address());
  std::vector<UniqueFd> fillers;
  {
    const muster::testing::FewDescriptors few(64);
    for (int fd = ::dup(client.fd()); fd >= 0; fd = ::dup(client.fd())) {
      fillers.emplace_back(fd);
    }
    client.connect(address());
    EXPECT_TRUE(eventually([&] { return stats().accept_pauses > 0; }));
  }
  client.send("GET /late HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.read_answer(), EndsWith("GET /late "));
}

TEST_F(HttpServerTest, AllocatesNothingForARequestOnceWarm) {
  start();
  RawClient client(address());
  std::string requests;
  for (int i = 0; i < 16; ++i) {
    requests += "GET /ready HTTP/1.1\r\nHost: ocsp.example\r\n\r\n";
  }
  const auto serve = [&] {
    for (int round = 0; round < 20; ++round) {
      client.send(requests);
      for (int i = 0; i < 16; ++i) {
        client.read_answer();
      }
    }
  };
  serve();
  // call() itself allocates a little on the loop's thread, the same each time.
  const auto count = [&] {
    return thread_.call([] { return muster::testing::allocations_of_this_thread(); });
  };
  count();
  const std::size_t start_count = count();
  const std::size_t of_call = count() - start_count;
  const std::size_t before = count();
  serve();
  EXPECT_EQ(count() - before, of_call);
}

}  // namespace
}  // namespace muster::net
