#include "muster/net/fetch_thread.h"

#include <gtest/gtest.h>

#include <future>

#include "net_testing.h"

namespace muster::net {
namespace {

/// Answers one connection after another with a short body.
class ShortAnswers {
 public:
  ShortAnswers()
      : listener_(*Listener::open("127.0.0.1:0", 16)), thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            pollfd entry{listener_.fd(), POLLIN, 0};
            if (::poll(&entry, 1, 10) != 1) {
              continue;
            }
            RawClient peer(UniqueFd(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC)));
            peer.read_until(
                [](const std::string& text) { return text.find("\r\n\r\n") != std::string::npos; });
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
          }
        }) {}
  [[nodiscard]] std::string url() const { return "http://" + listener_.address() + "/"; }

 private:
  Listener listener_;
  std::jthread thread_;
};

TEST(FetchThread, AHostThatHangsHoldsUpNobody) {
  const auto hanging = Listener::open("127.0.0.1:0", 16);  // connects, and never says a word
  ASSERT_TRUE(hanging);
  const ShortAnswers server;
  FetchThread fetches;
  std::promise<FetchResult> never;
  fetches.start({.url = "http://" + hanging->address() + "/", .total_timeout = kPatience},
                [&](FetchResult result) { never.set_value(std::move(result)); });
  for (int i = 0; i < 3; ++i) {
    std::promise<FetchResult> promise;
    fetches.start({.url = server.url()},
                  [&](FetchResult result) { promise.set_value(std::move(result)); });
    const FetchResult got = promise.get_future().get();
    ASSERT_TRUE(got);
    EXPECT_EQ(as_text(got->body), "ok");
  }
  EXPECT_EQ(never.get_future().wait_for(Milliseconds(0)), std::future_status::timeout);
}

TEST(FetchThread, RefusesWhatIsNoUrlOnItsOwnThread) {
  FetchThread fetches;
  std::promise<FetchErrc> promise;
  fetches.start({.url = "ldap://x/"},
                [&](const FetchResult& result) { promise.set_value(result.error().code); });
  EXPECT_EQ(promise.get_future().get(), FetchErrc::kBadUrl);
}

TEST(FetchThread, DropsWhatIsUnderWayWhenItGoes) {
  const auto hanging = Listener::open("127.0.0.1:0", 16);
  ASSERT_TRUE(hanging);
  const auto token = std::make_shared<int>(0);
  std::weak_ptr<int> alive = token;
  {
    FetchThread fetches;
    fetches.start({.url = "http://" + hanging->address() + "/", .total_timeout = kPatience},
                  [token = token](const FetchResult&) { FAIL() << "was dropped"; });
  }
  EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace
}  // namespace muster::net
