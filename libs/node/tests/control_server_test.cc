#include "control_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include "net_testing.h"
#include "node_fixture.h"

namespace muster::node {
namespace {

using net::eventually;
using net::RawClient;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// "/echo" the body; "/small" a body of at most 10 octets; "/stream" pieces as they come; "/ignore"
/// an answer without reading; "/wait" when told; "/peer" who asks; "/silent" nothing.
class TestHandler final : public ControlHandler {
 public:
  void handle(Exchange& exchange) override {
    const std::string_view path = exchange.path();
    if (path == "/echo" || path == "/small") {
      const auto body = exchange.read_body(path == "/echo" ? 1 << 20 : 10);
      exchange.send(body ? 200 : body.error(), "text/plain", {}, body ? as_text(*body) : "no");
    } else if (path == "/stream") {
      exchange.begin(200, "text/plain", {});
      for (;;) {
        const auto piece = exchange.read_piece();
        if (!piece || piece->empty()) {
          exchange.write(piece ? "." : "!");
          break;
        }
        exchange.write(as_text(*piece));
      }
      exchange.end();
    } else if (path == "/wait") {
      waiting.store(true);
      while (!go_on) {
        std::this_thread::yield();
      }
      exchange.send(200, "text/plain", {}, "done");
    } else if (path == "/peer") {
      exchange.send(200, "text/plain", {}, exchange.peer().text);
    } else if (path != "/silent") {
      exchange.send(200, "text/plain", {}, "ignored");
    }
  }
  std::atomic<bool> waiting{false}, go_on{false};
};

struct Server {
  explicit Server(const ControlLimits& limits = {}, const std::string& address = "127.0.0.1:0") {
    auto opened = ControlServer::listen("test", {address}, nullptr, 0600, limits, handler, stats,
                                        null_logger());
    EXPECT_TRUE(opened) << (opened ? "" : net::to_string(opened.error()));
    server = *std::move(opened);
  }
  [[nodiscard]] RawClient client() const { return RawClient(server->addresses()[0]); }
  /// One request on a connection of its own, to the end.
  [[nodiscard]] std::string ask(const std::string& request) const {
    RawClient raw = client();
    raw.send(request);
    return raw.read_to_end();
  }
  TestHandler handler;
  ControlStats stats;
  std::unique_ptr<ControlServer> server;
};

const std::string kClose = "Host: x\r\nConnection: close\r\n";

TEST(ControlServer, AnswersOneRequestAfterTheOther) {
  const Server server;
  RawClient client = server.client();
  client.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nfirstPOST /echo "
      "HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nsecond");
  EXPECT_THAT(client.read_answer(), HasSubstr("\r\n\r\nfirst"));
  EXPECT_THAT(client.read_answer(), HasSubstr("\r\n\r\nsecond"));
  client.send("HEAD /other HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_until([](const std::string& t) { return t.ends_with("\r\n\r\n"); }),
              HasSubstr("Content-Length: 7"));
  client.send("GET /silent HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 500 "));
  EXPECT_EQ(server.stats.requests, 4U);
}

TEST(ControlServer, TakesChunkedBodies) {
  const Server server;
  EXPECT_THAT(server.ask("POST /echo HTTP/1.1\r\n" + kClose +
                         "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"),
              HasSubstr("\r\n\r\nabcdefg"));
  EXPECT_THAT(
      server.ask("POST /echo HTTP/1.1\r\n" + kClose + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"),
      StartsWith("HTTP/1.1 400 "));
}

TEST(ControlServer, StreamsBothWaysAtOnce) {
  const Server server;
  RawClient client = server.client();
  client.send("POST /stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  EXPECT_THAT(client.read_until([](const std::string& t) { return t.ends_with("3\r\nabc\r\n"); }),
              HasSubstr("Transfer-Encoding: chunked"))
      << "an answer to the first piece before the second is sent";
  client.send("2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_until([](const std::string& t) { return t.ends_with("0\r\n\r\n"); }),
            "2\r\nde\r\n1\r\n.\r\n0\r\n\r\n");
  client.send("POST /stream HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_THAT(client.read_to_end(), HasSubstr("\r\n\r\nhi.")) << "1.0 knows no chunks";
}

TEST(ControlServer, SendsContinueWhenTheBodyIsWanted) {
  const Server server;
  RawClient client = server.client();
  client.send("POST /echo HTTP/1.1\r\n" + kClose +
              "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.read_until([](const std::string& t) { return t.ends_with("\r\n\r\n"); }),
            "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  EXPECT_THAT(client.read_to_end(), HasSubstr("\r\n\r\nok"));
  RawClient streaming = server.client();
  streaming.send("POST /stream HTTP/1.1\r\n" + kClose +
                 "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_THAT(streaming.read_until(
                  [](const std::string& t) { return t.find("chunked") != std::string::npos; }),
              StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "))
      << "an answer that begins first would mean: no body wanted";
  streaming.send("ok");
  EXPECT_THAT(streaming.read_to_end(), HasSubstr("2\r\nok\r\n"));
}

TEST(ControlServer, RefusesWhatIsTooLarge) {
  ControlLimits limits;
  limits.max_header_bytes = 1024;
  const Server server(limits);
  EXPECT_THAT(server.ask("POST /small HTTP/1.1\r\n" + kClose + "Content-Length: 11\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(server.ask("POST /small HTTP/1.1\r\n" + kClose +
                         "Transfer-Encoding: chunked\r\n\r\nb\r\nelevenelevn\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(server.ask("GET / HTTP/1.1\r\nX: " + std::string(1024, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(server.ask("GET /" + std::string(2048, 'x') + " HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 414 "));
  EXPECT_THAT(server.ask("\x01\x02\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(server.ask(std::string("\x16\x03\x01\x00\x05hello", 10)), "") << "TLS on a plain port";
  EXPECT_EQ(server.stats.too_large, 4U);
  EXPECT_EQ(server.stats.bad_requests, 2U);
}

TEST(ControlServer, ABodyNobodyReadEndsTheConnection) {
  const Server server;
  RawClient client = server.client();
  client.send("POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /");
  const std::string answer = client.read_to_end();
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_THAT(answer, Not(HasSubstr("400")));
}

TEST(ControlServer, CutsSlowSendersOff) {
  ControlLimits limits;
  limits.header_timeout = limits.body_timeout = limits.idle_timeout = Milliseconds(500);
  const Server server(limits);
  EXPECT_THAT(server.ask("GET / HTTP/1.1\r\nHost:"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(server.ask("POST /echo HTTP/1.1\r\n" + kClose + "Content-Length: 5\r\n\r\nab"),
              StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(server.ask("POST /stream HTTP/1.1\r\n" + kClose + "Content-Length: 5\r\n\r\nab"),
              HasSubstr("!"));
  EXPECT_EQ(server.ask(""), "") << "an idle connection is closed without a word";
  EXPECT_EQ(server.stats.timeouts, 4U);
}

TEST(ControlServer, TellsSurplusConnectionsToWait) {
  ControlLimits limits;
  limits.max_connections = 2;
  const Server server(limits);
  RawClient one = server.client();
  RawClient two = server.client();
  EXPECT_TRUE(eventually([&] { return server.stats.open_connections == 2; }));
  EXPECT_THAT(server.ask(""), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("Retry-After")));
  EXPECT_EQ(server.stats.refused_connections, 1U);
  one.close();
  EXPECT_TRUE(eventually([&] {
    return server.ask("GET / HTTP/1.1\r\n" + kClose + "\r\n").starts_with("HTTP/1.1 200 ");
  }));
}

/// Idle connections of one peer must not keep a CA from revoking.
TEST(ControlServer, OnePeerCannotTakeAllPlaces) {
  ControlLimits limits;
  limits.max_connections = 4;
  limits.max_peer_connections = 2;
  const Server server(limits);
  RawClient one = server.client();
  RawClient two = server.client();
  EXPECT_TRUE(eventually([&] { return server.stats.open_connections == 2; }));
  EXPECT_THAT(server.ask(""), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("Retry-After")));
  EXPECT_EQ(server.stats.refused_peers, 1U);
  EXPECT_EQ(server.stats.refused_connections, 0U);
  const auto from_elsewhere = net::SocketAddress::parse("127.0.0.2:0");
  RawClient other = RawClient::open_unconnected(server.server->addresses()[0]);
  ASSERT_EQ(::bind(other.fd(), from_elsewhere->data(), from_elsewhere->size()), 0);
  other.connect(server.server->addresses()[0]);
  other.send("GET / HTTP/1.1\r\n" + kClose + "\r\n");
  EXPECT_THAT(other.read_to_end(), HasSubstr("ignored"));
  one.close();
  EXPECT_TRUE(eventually([&] {
    return server.ask("GET / HTTP/1.1\r\n" + kClose + "\r\n").starts_with("HTTP/1.1 200 ");
  }));
}

TEST(ControlServer, AUserAtAUnixSocketIsOnePeer) {
  const testing::TempDir dir;
  ControlLimits limits;
  limits.max_peer_connections = 1;
  const Server server(limits, "unix:" + dir.file("s"));
  RawClient one = server.client();
  EXPECT_TRUE(eventually([&] { return server.stats.open_connections == 1; }));
  EXPECT_THAT(server.ask(""), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(server.stats.refused_peers, 1U);
}

TEST(Seats, AreCountedForEachPeerAndGivenBack) {
  const auto seats = std::make_shared<Seats>(2);
  auto first = seats->take("uid 1");
  const auto second = seats->take("uid 1");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(seats->take("uid 1"), nullptr);
  EXPECT_NE(seats->take("subject:CN=ca"), nullptr);
  first.reset();
  EXPECT_NE(seats->take("uid 1"), nullptr);
}

TEST(ControlServer, OneConnectionDoesNotHoldUpAnother) {
  Server server;
  RawClient slow = server.client();
  slow.send("GET /wait HTTP/1.1\r\n" + kClose + "\r\n");
  EXPECT_TRUE(eventually([&] { return server.handler.waiting.load(); }));
  EXPECT_THAT(server.ask("GET / HTTP/1.1\r\n" + kClose + "\r\n"), HasSubstr("ignored"));
  server.handler.go_on = true;
  EXPECT_THAT(slow.read_to_end(), HasSubstr("done"));
}

TEST(ControlServer, StopLetsRequestsEndAndIdleConnectionsGo) {
  Server server;
  RawClient idle = server.client();
  RawClient busy = server.client();
  busy.send("GET /wait HTTP/1.1\r\n" + kClose + "\r\n");
  EXPECT_TRUE(
      eventually([&] { return server.handler.waiting && server.stats.open_connections == 2; }));
  std::thread stopping([&] { server.server->stop(); });
  EXPECT_TRUE(idle.is_at_end());
  server.handler.go_on = true;
  EXPECT_THAT(busy.read_to_end(), HasSubstr("done"));
  stopping.join();
  server.server->stop();
}

TEST(ControlServer, StopCutsWhatTakesTooLong) {
  ControlLimits limits;
  limits.grace = Milliseconds(50);
  Server server(limits);
  RawClient client = server.client();
  client.send("POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\na");
  EXPECT_THAT(
      client.read_until([](const std::string& t) { return t.find("\r\na") != std::string::npos; }),
      HasSubstr("200"));
  server.server->stop();
}

TEST(ControlServer, KnowsTheProcessAtAUnixSocket) {
  const testing::TempDir dir;
  const Server server({}, "unix:" + dir.file("s"));
  EXPECT_THAT(server.ask("GET /peer HTTP/1.1\r\n" + kClose + "\r\n"),
              HasSubstr("uid " + std::to_string(::getuid()) + ", gid " +
                        std::to_string(::getgid()) + ", pid " + std::to_string(::getpid())));
  struct stat info {};
  ASSERT_EQ(::stat(dir.file("s").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST(ControlServer, DoesNotTakeAnAddressFromSomebody) {
  const testing::TempDir dir;
  const std::string address = "unix:" + dir.file("s");
  TestHandler handler;
  ControlStats stats;
  const auto listen = [&](const std::string& where) {
    return ControlServer::listen("test", {where}, nullptr, 0600, {}, handler, stats, null_logger());
  };
  {
    const Server server({}, address);
    const auto second = listen(address);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, net::NetErrc::kInUse);
    EXPECT_THAT(server.ask("GET / HTTP/1.1\r\n" + kClose + "\r\n"), HasSubstr("ignored"))
        << "the first goes on";
  }
  {  // a socket whose process died
    const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto parsed = net::SocketAddress::parse(address);
    ASSERT_EQ(::bind(dead.get(), parsed->data(), parsed->size()), 0);
  }
  EXPECT_TRUE(listen(address)) << "a dead one is replaced";
  dir.write("s", "a file of somebody");
  EXPECT_FALSE(listen(address));
  EXPECT_EQ(testing::read_text(dir.file("s")), "a file of somebody");
  const Server tcp;
  const auto taken = listen(tcp.server->addresses()[0]);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, net::NetErrc::kInUse);
}

}  // namespace
}  // namespace muster::node
