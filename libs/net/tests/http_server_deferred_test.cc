#include <deque>

#include "http_server_fixture.h"

// Replies that come after the handler has returned.
namespace muster::net {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// "/later" waits for the test; everything else is answered at once. Loop's thread.
class LaterHandler final : public HttpHandler {
 public:
  void handle(const http::RequestView& request, HttpReply& reply) override {
    const std::string target(request.target);
    if (target.starts_with("/later")) {
      waiting.push_back(reply.defer());
      targets.push_back(target);
    } else if (target == "/at-once") {
      reply.defer()->send(200, "text/plain", {}, as_bytes("at once"));
    } else if (target == "/answer-the-first") {
      waiting.front()->send(200, "text/plain", {}, as_bytes("by another"));
      waiting.pop_front();
      reply.send(200, "text/plain", {}, as_bytes("did so"));
    } else if (target == "/drop-all") {
      waiting.clear();
      reply.send(200, "text/plain", {}, as_bytes("did so"));
    } else if (target == "/dropped-at-once") {
      static_cast<void>(reply.defer());
    } else if (target.starts_with("/big/")) {
      reply.send(200, "text/plain", {}, Buffer(std::stoul(target.substr(5)), 'x'));
    } else {
      reply.send(200, "text/plain", {}, as_bytes("now " + target));
    }
  }
  std::deque<std::unique_ptr<LaterReply>> waiting;
  std::deque<std::string> targets;
};

class DeferredTest : public ::testing::Test {
 protected:
  ~DeferredTest() override {
    thread_.call([this] {
      server_.reset();
      handler_.waiting.clear();  // after the server: they must not reach for it
    });
  }
  void start(const HttpLimits& limits = {}) {
    thread_.call([&] {
      auto server = HttpServer::listen(thread_.loop(), "127.0.0.1:0", limits, handler_);
      ASSERT_TRUE(server) << to_string(server.error());
      server_ = *std::move(server);
    });
  }
  bool wait_for(std::size_t count) {
    return eventually(
        [&] { return thread_.call([&] { return handler_.waiting.size(); }) >= count; });
  }
  void answer_first(const std::string& text) {
    thread_.call([&] {
      auto reply = std::move(handler_.waiting.front());
      handler_.waiting.pop_front();
      reply->send(200, "text/plain", {}, as_bytes(text));
    });
  }
  /// Whether the loop sleeps until it is called: it never does while a socket keeps it awake.
  bool comes_to_rest() {
    return eventually(
        [&] {
          return thread_.call([&] { return thread_.loop().ready_since() == thread_.loop().now(); });
        },
        kPatience);
  }
  LaterHandler handler_;
  LoopThread thread_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(DeferredTest, NobodyLosesHisPlaceWhileHeWaitsForUs) {
  start({.max_connections = 1, .newcomer_time = Milliseconds(0)});
  RawClient first(server_->address());
  first.send("GET /later HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  RawClient second(server_->address());
  EXPECT_THAT(second.read_to_end(), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(server_->stats().made_room, 0U);
  answer_first("after all");
  EXPECT_THAT(first.read_answer(), EndsWith("after all"));
}

TEST_F(DeferredTest, AnswersComeWhenTheHandlerIsReady) {
  start();
  RawClient client(server_->address());
  client.send("GET /later HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  EXPECT_FALSE(client.is_readable_within(Milliseconds(0)));
  answer_first("here");
  EXPECT_THAT(client.read_answer(), EndsWith("\r\n\r\nhere"));
  client.send("GET /again HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.read_answer(), EndsWith("now /again")) << "the connection goes on";
  EXPECT_EQ(server_->stats().deferred.load(), 1u);
}

TEST_F(DeferredTest, PipelinedAnswersKeepTheirOrder) {
  start();
  RawClient client(server_->address());
  client.send(
      "GET /1 HTTP/1.1\r\n\r\nGET /later2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\nGET /later4 "
      "HTTP/1.1\r\n\r\nGET /5 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.read_answer(), EndsWith("now /1")) << "what was ready before does not wait";
  ASSERT_TRUE(wait_for(1));
  EXPECT_EQ(thread_.call([&] { return handler_.targets.size(); }), 1u)
      << "nothing behind it is begun";
  answer_first("two");
  EXPECT_THAT(client.read_answer(), EndsWith("two"));
  EXPECT_THAT(client.read_answer(), EndsWith("now /3"));
  ASSERT_TRUE(wait_for(1));
  answer_first("four");
  EXPECT_THAT(client.read_answer(), EndsWith("four"));
  EXPECT_THAT(client.read_answer(), EndsWith("now /5"));
}

TEST_F(DeferredTest, OtherConnectionsAreServedMeanwhile) {
  start();
  RawClient first(server_->address());
  first.send("GET /later HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  RawClient second(server_->address());
  second.send("GET /x HTTP/1.1\r\n\r\n");
  EXPECT_THAT(second.read_answer(), EndsWith("now /x"));
}

TEST_F(DeferredTest, HeadAndCloseAreRemembered) {
  start();
  RawClient head(server_->address());
  head.send("HEAD /later HTTP/1.1\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  answer_first("body");
  const std::string answer = head.read_to_end();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 4\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
  RawClient old(server_->address());
  old.send("GET /later HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  answer_first("body");
  EXPECT_THAT(old.read_answer(), HasSubstr("Connection: keep-alive\r\n"));
}

TEST_F(DeferredTest, AnsweringAtOnceIsAllowed) {
  start();
  RawClient client(server_->address());
  client.send("GET /1 HTTP/1.1\r\n\r\nGET /at-once HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.read_answer(), EndsWith("now /1"));
  EXPECT_THAT(client.read_answer(), EndsWith("at once"));
  EXPECT_THAT(client.read_answer(), EndsWith("now /3"));
}

TEST_F(DeferredTest, AReplyThatIsDroppedIsA500) {
  start();
  RawClient client(server_->address());
  client.send("GET /dropped-at-once HTTP/1.1\r\n\r\nGET /later HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 500 "));
  ASSERT_TRUE(wait_for(1));
  thread_.call([&] { handler_.waiting.clear(); });
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 500 "));
}

/// A handler may have to let others go, to make room or because what they wait for has come.
TEST_F(DeferredTest, AnotherRequestsHandlerMayAnswerOrDropReplies) {
  start();
  RawClient first(server_->address());
  first.send("GET /later HTTP/1.1\r\n\r\nGET /behind HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  RawClient second(server_->address());
  second.send("GET /later HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(2));
  RawClient other(server_->address());
  other.send("GET /answer-the-first HTTP/1.1\r\n\r\n");
  EXPECT_THAT(other.read_answer(), EndsWith("did so"));
  EXPECT_THAT(first.read_answer(), EndsWith("by another"));
  EXPECT_THAT(first.read_answer(), EndsWith("now /behind"));
  RawClient third(server_->address());
  third.send("GET /later HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(2));
  other.send("GET /drop-all HTTP/1.1\r\n\r\n");
  EXPECT_THAT(other.read_answer(), EndsWith("did so"));
  EXPECT_THAT(third.read_answer(), StartsWith("HTTP/1.1 500 "));
}

/// Else whoever connects, asks and goes keeps a place for as long as a signature may take.
TEST_F(DeferredTest, APeerThatLeavesWhileItsReplyIsDeferredIsNoticed) {
  HttpLimits limits;
  limits.reply_timeout = 10 * kPatience;
  start(limits);
  RawClient client(server_->address());
  client.send("GET /later HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  client.close();
  EXPECT_TRUE(eventually([&] { return server_->stats().open_connections.load() == 0; }));
  EXPECT_EQ(server_->stats().gone_waiting.load(), 1u);
  answer_first("nobody listens");
}

TEST_F(DeferredTest, APeerThatOnlyEndsItsSideGetsItsAnswer) {
  start();
  RawClient client(server_->address());
  client.send("GET /later HTTP/1.1\r\n\r\n");
  ::shutdown(client.fd(), SHUT_WR);
  ASSERT_TRUE(wait_for(1));
  answer_first("here");
  EXPECT_THAT(client.read_to_end(), EndsWith("\r\n\r\nhere"));
}

/// Input is watched while a reply is waited for, until there is some.
TEST_F(DeferredTest, WhatArrivesMeanwhileIsNotReadAndKeepsNobodyAwake) {
  start();
  RawClient client(server_->address());
  client.send("GET /later HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  for (int i = 0; i < 10; ++i) {
    client.send("GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(comes_to_rest());
  }
  EXPECT_EQ(server_->stats().requests.load(), 1u);
  EXPECT_EQ(server_->stats().buffered_bytes.load(), 0u) << "it stays where it bounds the peer";
  answer_first("here");
  EXPECT_THAT(client.read_answer(), EndsWith("here"));
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(client.read_answer(), EndsWith("now /" + std::to_string(i)));
  }
  client.send("GET /last HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.read_answer(), EndsWith("now /last")) << "and it is read again";
}

TEST_F(DeferredTest, APeerThatSendsMoreAndLeavesIsNoticed) {
  HttpLimits limits;
  limits.reply_timeout = 10 * kPatience;
  start(limits);
  RawClient left(server_->address());
  left.send("GET /later HTTP/1.1\r\n\r\n");
  RawClient cut_off(server_->address());
  cut_off.send("GET /later HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(2));
  left.send("GET /more HTTP/1.1\r\n\r\n");
  cut_off.send("GET /more HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(comes_to_rest());
  left.close();
  cut_off.abort();
  EXPECT_TRUE(eventually([&] { return server_->stats().open_connections.load() == 0; }));
  EXPECT_EQ(server_->stats().gone_waiting.load(), 2u);
  EXPECT_EQ(server_->stats().requests.load(), 2u);
}

TEST_F(DeferredTest, APeerThatSendsMoreAndEndsItsSideGetsAllItsAnswers) {
  start();
  RawClient client(server_->address());
  client.send("GET /later1 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  client.send("GET /2 HTTP/1.1\r\n\r\nGET /later3 HTTP/1.1\r\n\r\n");
  ::shutdown(client.fd(), SHUT_WR);
  EXPECT_TRUE(comes_to_rest());
  answer_first("one");
  EXPECT_THAT(client.read_answer(), EndsWith("one"));
  EXPECT_THAT(client.read_answer(), EndsWith("now /2"));
  ASSERT_TRUE(wait_for(1));
  EXPECT_TRUE(comes_to_rest());
  answer_first("three");
  EXPECT_THAT(client.read_answer(), EndsWith("three"));
  EXPECT_TRUE(client.is_at_end());
}

TEST_F(DeferredTest, RepliesFinishedInOneTurnReachWhomTheyAreFor) {
  start();
  constexpr std::size_t kClients = 20;
  std::deque<RawClient> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.emplace_back(server_->address());
    clients.back().send("GET /later HTTP/1.1\r\n\r\nGET /behind HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(wait_for(i + 1));
  }
  clients[3].abort();
  ASSERT_TRUE(eventually([&] { return server_->stats().open_connections.load() == kClients - 1; }));
  thread_.call([&] {
    for (std::size_t i = 0; i < kClients; ++i) {
      const std::string text(i * i, static_cast<char>('a' + i));
      handler_.waiting[i]->send(200, "text/plain", {}, as_bytes(text));
    }
  });
  for (std::size_t i = 0; i < kClients; ++i) {
    if (i != 3) {
      const std::string text(i * i, static_cast<char>('a' + i));
      EXPECT_THAT(clients[i].read_answer(), EndsWith("\r\n\r\n" + text));
      EXPECT_THAT(clients[i].read_answer(), EndsWith("now /behind"));
    }
  }
}

/// What is handled when a reply goes out may finish another.
TEST_F(DeferredTest, RepliesMayBeFinishedWhileOthersGoOut) {
  start();
  RawClient first(server_->address());
  first.send("GET /later1 HTTP/1.1\r\n\r\nGET /answer-the-first HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  RawClient second(server_->address());
  second.send("GET /later2 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(2));
  answer_first("one");
  EXPECT_THAT(first.read_answer(), EndsWith("one"));
  EXPECT_THAT(first.read_answer(), EndsWith("did so"));
  EXPECT_THAT(second.read_answer(), EndsWith("by another"));
  second.send("GET /again HTTP/1.1\r\n\r\n");
  EXPECT_THAT(second.read_answer(), EndsWith("now /again"));
}

TEST_F(DeferredTest, AServerMayEndBeforeAFinishedReplyGoesOut) {
  start();
  RawClient client(server_->address());
  client.send("GET /later HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  thread_.call([&] {
    handler_.waiting.front()->send(200, "text/plain", {}, as_bytes("too late"));
    server_.reset();
  });
  EXPECT_TRUE(client.is_at_end());
  thread_.call([] {});  // the turn at which it would have gone out is over
}

TEST_F(DeferredTest, AnswersToConnectionsThatEndedAreDropped) {
  start();
  RawClient client(server_->address());
  client.send("GET /later HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  client.abort();
  ASSERT_TRUE(eventually([&] { return server_->stats().open_connections.load() == 0; }));
  answer_first("nobody listens");
  RawClient other(server_->address());  // may be given the same connection object
  other.send("GET /y HTTP/1.1\r\n\r\n");
  EXPECT_THAT(other.read_answer(), EndsWith("now /y"));
}

TEST_F(DeferredTest, ALateAnswerDoesNotReachTheNextUserOfTheConnection) {
  start();
  RawClient client(server_->address());
  client.send("GET /later1 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  client.abort();
  ASSERT_TRUE(eventually([&] { return server_->stats().open_connections.load() == 0; }));
  RawClient other(server_->address());
  other.send("GET /later2 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(2));
  answer_first("for the first");
  answer_first("for the second");
  EXPECT_THAT(other.read_answer(), EndsWith("for the second"));
}

TEST_F(DeferredTest, AHandlerThatNeverAnswersIsA503) {
  HttpLimits limits;
  limits.reply_timeout = Milliseconds(20);
  start(limits);
  RawClient client(server_->address());
  client.send("GET /later HTTP/1.1\r\n\r\n");
  const std::string answer = client.read_to_end();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(server_->stats().reply_timeouts.load(), 1u);
  answer_first("too late");  // and does no harm
}

TEST_F(DeferredTest, DrainingWaitsForTheAnswer) {
  start();
  RawClient client(server_->address());
  client.send("GET /later HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  std::promise<void> drained;
  thread_.call([&] { server_->drain(kPatience, [&] { drained.set_value(); }); });
  answer_first("in time");
  const std::string answer = client.read_to_end();
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("in time"));
  EXPECT_EQ(drained.get_future().wait_for(kPatience), std::future_status::ready);
}

TEST_F(DeferredTest, AnAnswerBehindUnsentOnesWaitsItsTurn) {
  HttpLimits limits;
  limits.max_pipeline_bytes =
      64 << 20;  // so that the second request is taken while the first answer is on its way
  start(limits);
  RawClient client(server_->address());
  constexpr std::size_t kBig = 16 << 20;  // more than socket buffers take
  client.send("GET /big/" + std::to_string(kBig) +
              " HTTP/1.1\r\n\r\nGET /later HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(1));
  answer_first("second");
  const std::string big = client.read_answer();
  EXPECT_GT(big.size(), kBig);
  EXPECT_THAT(client.read_answer(), EndsWith("second"));
  EXPECT_THAT(client.read_answer(), EndsWith("now /3"));
}

}  // namespace
}  // namespace muster::net
