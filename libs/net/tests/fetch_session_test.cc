#include "muster/net/fetch_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/net/http_server.h"
#include "net_testing.h"

namespace muster::net {
namespace {

/// Says the target, or what it names: "/404", "/close" (and then closes the connection).
class Echo final : public HttpHandler {
 public:
  Echo() {
    url = "http://" + loop_.call([this] {
      auto server = HttpServer::listen(loop_.loop(), "127.0.0.1:0", {}, *this);
      EXPECT_TRUE(server);
      server_ = *std::move(server);
      return server_->address();
    });
  }
  ~Echo() override {
    loop_.call([this] { server_.reset(); });
  }
  void handle(const http::RequestView& request, HttpReply& reply) override {
    const unsigned status = request.target == "/404" ? 404 : 200;
    reply.send(status, "text/plain", "", as_bytes(request.target));
  }
  [[nodiscard]] std::uint64_t connections() const { return server_->stats().connections; }
  std::string url;

 private:
  std::unique_ptr<HttpServer> server_;
  LoopThread loop_;  // last: runs what is above
};

FetchRequest get(const std::string& url) {
  FetchRequest request;
  request.url = url;
  return request;
}

TEST(FetchSession, ManyFilesOfOneServerNeedOneConnection) {
  const Echo server;
  FetchSession session;
  for (int i = 0; i < 50; ++i) {
    const std::string target = "/" + std::to_string(i);
    const auto got = session.fetch(get(server.url + target));
    ASSERT_TRUE(got) << got.error().detail;
    EXPECT_EQ(as_text(got->body), target);  // nothing of the one before
  }
  EXPECT_EQ(server.connections(), 1U);
}

TEST(FetchSession, AFetchThatFailedSpoilsNoneThatFollow) {
  const Echo server;
  FetchSession session;
  EXPECT_TRUE(session.fetch(get(server.url + "/1")));
  const auto absent = session.fetch(get(server.url + "/404"));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().http_status, 404U);
  EXPECT_EQ(session.fetch(get("gopher://x/")).error().code, FetchErrc::kBadUrl);
  FetchRequest small = get(server.url + "/123456");
  small.max_body_bytes = 3;
  EXPECT_EQ(session.fetch(small).error().code, FetchErrc::kTooLarge);
  FetchRequest post = get(server.url + "/2");
  post.post_body = Buffer{1, 2, 3};
  EXPECT_TRUE(session.fetch(post));
  const auto got = session.fetch(get(server.url + "/3"));
  ASSERT_TRUE(got) << got.error().detail;
  EXPECT_EQ(as_text(got->body), "/3");
}

TEST(FetchSession, AConnectionThatTheServerClosedIsReplaced) {
  FetchSession session;
  std::string address = "127.0.0.1:0";
  for (int i = 0; i < 3; ++i) {
    const auto listener = Listener::open(address, 4);
    ASSERT_TRUE(listener);
    address = listener->address();  // a server that comes back at its place
    std::jthread server([&listener] {
      pollfd entry{listener->fd(), POLLIN, 0};
      ASSERT_EQ(::poll(&entry, 1, 30'000), 1);
      RawClient peer(UniqueFd(::accept4(listener->fd(), nullptr, nullptr, SOCK_CLOEXEC)));
      peer.read_until(
          [](const std::string& text) { return text.find("\r\n\r\n") != std::string::npos; });
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");  // no word of closing
    });
    const auto got = session.fetch(get("http://" + address + "/"));
    ASSERT_TRUE(got) << i << ": " << got.error().detail;
    EXPECT_EQ(as_text(got->body), "ok");
  }
}

// A destination is judged when a connection is opened: one kept from before was not.
TEST(FetchSession, AKeptConnectionIsNoWayAroundForbiddenDestinations) {
  const Echo server;
  FetchSession session;
  EXPECT_TRUE(session.fetch(get(server.url + "/1")));
  FetchRequest guarded = get(server.url + "/2");
  guarded.forbid_private_destinations = true;
  const auto refused = session.fetch(guarded);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, FetchErrc::kForbidden);
}

}  // namespace
}  // namespace muster::net
