#include "muster/net/http_server.h"

#include <linux/tcp.h>  // glibc's tcp_info lacks the segment counters
#include <netinet/in.h>
#include <unistd.h>

#include <filesystem>

#include "http_server_fixture.h"

namespace muster::net {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(HttpServerTest, AnswersOneRequestAfterAnotherOnOneConnection) {
  start();
  RawClient client(address());
  for (const char* target : {"/a", "/b//c", "/%2F"}) {
    client.send(std::string("GET ") + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.read_answer(),
                AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("\r\nDate: "),
                      HasSubstr("\r\nX-Test: yes\r\n"), Not(HasSubstr("Connection:")),
                      EndsWith("\r\n\r\nGET " + std::string(target) + " ")));
  }
  EXPECT_EQ(stats().requests, 3U);
  EXPECT_EQ(stats().connections, 1U);
}

TEST_F(HttpServerTest, SendsThePipelinedAnswersInOneSegment) {
  start();
  RawClient client(address());
  std::string requests;
  for (int i = 0; i < 16; ++i) {
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n";
  }
  client.send(requests);
  for (int i = 0; i < 16; ++i) {
    EXPECT_THAT(client.read_answer(), EndsWith("GET /" + std::to_string(i) + " "));
  }
  tcp_info info{};
  socklen_t size = sizeof info;
  ASSERT_EQ(::getsockopt(client.fd(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
  EXPECT_EQ(info.tcpi_data_segs_in, 1U);
}

TEST_F(HttpServerTest, SendsAPreparedAnswerAsItIs) {
  start();
  EXPECT_EQ(
      ask("GET /ready HTTP/1.1\r\n\r\n"),
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nready");
  RawClient client(address());
  client.send("HEAD /ready HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read_to_end(),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: Thu, 01 Jan 1970 00:00:00 "
            "GMT\r\nConnection: close\r\n\r\n");
  RawClient stays(address());
  stays.send(
      "HEAD /ready HTTP/1.1\r\n\r\n"
      "GET /ready HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
      "GET /ready HTTP/1.1\r\n\r\n"
      "GET /ready HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string head =
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
  std::string expected = head + "\r\n";
  expected += head + "Connection: keep-alive\r\n\r\nready";
  expected += head + "\r\nready";
  expected += head + "Connection: close\r\n\r\nready";
  EXPECT_EQ(stays.read_to_end(), expected);
}

// req: OCSP-RESP-080
TEST_F(HttpServerTest, GivesHeadTheHeadersOfGetWithoutABody) {
  start();
  RawClient client(address());
  client.send("HEAD /big/500 HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_to_end(),
              AllOf(HasSubstr("Content-Length: 500\r\n"), EndsWith("\r\n\r\n")));
}

TEST_F(HttpServerTest, KeepsAnOldClientOnlyWhenItAsks) {
  start();
  RawClient plain(address());
  plain.send("GET /a HTTP/1.0\r\n\r\n");
  EXPECT_THAT(plain.read_to_end(), AllOf(HasSubstr("Connection: close\r\n"), EndsWith("GET /a ")));
  RawClient keeping(address());
  keeping.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(keeping.read_answer(), HasSubstr("Connection: keep-alive\r\n"));
  keeping.send("GET /b HTTP/1.0\r\n\r\n");
  EXPECT_THAT(keeping.read_to_end(), EndsWith("GET /b "));
}

TEST_F(HttpServerTest, AnswersAClientThatHasEndedItsSide) {
  start();
  RawClient client(address());
  client.send("POST /o HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
  ::shutdown(client.fd(), SHUT_WR);
  EXPECT_THAT(client.read_to_end(), EndsWith("POST /o abc"));
}

TEST_F(HttpServerTest, TellsTheHandlerWhoAsks) {
  start();
  EXPECT_THAT(ask("GET /peer HTTP/1.1\r\nConnection: close\r\n\r\n"),
              ::testing::EndsWith("\r\n\r\n127.0.0.1"));
}

TEST_F(HttpServerTest, JoinsRequestsThatComeInPieces) {
  start();
  RawClient client(address());
  const std::string text =
      "POST /o HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  for (const char c : text) {
    client.send(std::string(1, c));
  }
  EXPECT_THAT(client.read_answer(), EndsWith("POST /o abcde"));
}

TEST_F(HttpServerTest, InvitesTheBodyOfAClientThatWaits) {
  start();
  RawClient client(address());
  client.send("POST /o HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(client.read_answer(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  EXPECT_THAT(client.read_answer(), EndsWith("POST /o abc"));
}

TEST_F(HttpServerTest, AnswersForAHandlerThatDoesNot) {
  start();
  EXPECT_THAT(ask("GET /silent HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 500 "));
}

TEST_F(HttpServerTest, RefusesGarbageAndSaysGoodbye) {
  start();
  RawClient client(address());
  client.send("\x01\x02garbage\r\n\r\n and more");
  EXPECT_THAT(client.read_to_end(), AllOf(StartsWith("HTTP/1.1 400 Bad Request\r\n"),
                                          HasSubstr("Connection: close\r\n")));
  EXPECT_EQ(stats().bad_requests, 1U);
  expect_alive();
}

TEST_F(HttpServerTest, AnswersWhatCameBeforeTheGarbage) {
  start();
  RawClient client(address());
  client.send("GET /a HTTP/1.1\r\n\r\nGET /b\r\n\r\n");
  EXPECT_THAT(client.read_to_end(),
              AllOf(HasSubstr("GET /a HTTP/1.1 400 "), Not(HasSubstr("GET /b"))));
}

TEST_F(HttpServerTest, EndsTlsOnThePlainPortWithoutAWord) {
  start();
  RawClient client(address());
  client.send(std::string_view("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10));
  EXPECT_TRUE(client.is_at_end());
  EXPECT_EQ(stats().tls_on_plain_port, 1U);
  EXPECT_EQ(stats().bad_requests, 0U);
  expect_alive();
}

TEST_F(HttpServerTest, OutlivesClientsThatVanish) {
  start();
  for (const char* text :
       {"", "G", "GET / HTTP/1.1\r\nHos", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc",
        "GET /big/9000000 HTTP/1.1\r\n\r\n"}) {
    RawClient polite(address());
    polite.send(text);
    polite.close();
    RawClient rude(address());
    rude.send(text);
    rude.abort();
  }
  expect_alive();
  EXPECT_TRUE(eventually([&] { return stats().open_connections == 0; }));
}

TEST_F(HttpServerTest, ListensOnAUnixSocketAndTakesAStaleOneOver) {
  const std::string path = ::testing::TempDir() + "muster-net-" + std::to_string(::getpid());
  {  // As after kill -9: the file is there, nobody listens.
    const auto killed = Listener::open("unix:" + path, 1);
    ASSERT_TRUE(killed);
    std::filesystem::rename(path, path + ".kept");
  }
  std::filesystem::rename(path + ".kept", path);
  start({}, "unix:" + path);
  EXPECT_EQ(address(), "unix:" + path);
  EXPECT_THAT(ask("GET /a HTTP/1.1\r\n\r\n"), EndsWith("GET /a "));
  thread_.call([&] {
    auto second = HttpServer::listen(thread_.loop(), "unix:" + path, {}, handler_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, NetErrc::kInUse);
    server_.reset();
  });
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(HttpServerTest, SharesAnAddressOnlyWhenTold) {
  start();
  LoopThread other;
  std::unique_ptr<HttpServer> joined;
  other.call([&] {
    auto exclusive = HttpServer::listen(other.loop(), address(), {}, handler_);
    ASSERT_FALSE(exclusive);
    EXPECT_EQ(exclusive.error().code, NetErrc::kInUse);
    EXPECT_THAT(to_string(exclusive.error()), HasSubstr("another server"));
    auto server = HttpServer::listen(other.loop(), address(), {}, handler_, AddressSharing::kJoin);
    ASSERT_TRUE(server) << to_string(server.error());
    joined = *std::move(server);
  });
  // The kernel spreads connections by their ports: in time both get some.
  EXPECT_TRUE(eventually([&] {
    expect_alive();
    return stats().requests > 0 && joined->stats().requests > 0;
  }));
  other.call([&] { joined.reset(); });
}

TEST_F(HttpServerTest, SaysWhichAddressCannotBeUsed) {
  for (const char* bad :
       {"", "80000", "nowhere:80", "127.0.0.1:x", "127.0.0.1:70000", "[::1:80", "unix:"}) {
    thread_.call([&] {
      const auto server = HttpServer::listen(thread_.loop(), bad, {}, handler_);
      ASSERT_FALSE(server) << bad;
      EXPECT_EQ(server.error().code, NetErrc::kBadAddress) << bad;
      EXPECT_THAT(to_string(server.error()), HasSubstr("host:port"));
    });
  }
}

class Drain : public HttpServerTest {
 protected:
  void drain(Milliseconds grace) {
    thread_.call([&] { server_->drain(grace, [this] { drained_.set_value(); }); });
  }
  bool is_drained() { return done_.wait_for(kPatience) == std::future_status::ready; }
  std::promise<void> drained_;
  std::future<void> done_ = drained_.get_future();
};

TEST_F(Drain, FinishesWhatIsInFlightAndClosesWhatIsIdle) {
  start();
  RawClient idle(address());
  idle.send("GET /a HTTP/1.1\r\n\r\n");
  idle.read_answer();
  RawClient half(address());
  half.send("POST /half HTTP/1.1\r\nContent-Length: 4\r\n\r\nab");
  RawClient slow(address());
  slow.send("GET /big/20000000 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(slow.is_readable_within(kPatience));
  ASSERT_TRUE(eventually([&] { return stats().connections == 3; }));
  drain(kPatience);
  EXPECT_TRUE(idle.is_at_end());
  half.send("cd");
  EXPECT_THAT(half.read_to_end(),
              AllOf(HasSubstr("Connection: close\r\n"), EndsWith("POST /half abcd")));
  EXPECT_GT(slow.read_to_end().size(), 20000000U);
  EXPECT_TRUE(is_drained());
}

TEST_F(Drain, AnswersARequestThatWasWaitingToBeAccepted) {
  start();
  std::string answer;
  RawClient client = RawClient::open_unconnected(address());
  thread_.call([&] {  // the loop cannot accept while this runs
    client.connect(address());
    client.send("GET /waiting HTTP/1.1\r\n\r\n");
    server_->drain(kPatience, [this] { drained_.set_value(); });
  });
  EXPECT_THAT(client.read_to_end(), EndsWith("GET /waiting "));
  EXPECT_TRUE(is_drained());
}

TEST_F(Drain, EndsAfterItsGrace) {
  start();
  RawClient half(address());
  half.send("POST /half HTTP/1.1\r\nContent-Length: 4\r\n\r\nab");
  ASSERT_TRUE(eventually([&] { return stats().connections == 1; }));
  drain(Milliseconds(20));
  EXPECT_TRUE(is_drained());
  EXPECT_TRUE(half.is_at_end());
}

TEST_F(Drain, IsDoneAtOnceWithoutConnections) {
  start();
  drain(kPatience);
  EXPECT_TRUE(is_drained());
}

}  // namespace
}  // namespace muster::net
