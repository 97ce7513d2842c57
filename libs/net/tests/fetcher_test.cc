#include "muster/net/fetcher.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "net_testing.h"

namespace muster::net {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// A server that says what a script tells it, however wrong. One connection after another.
class ScriptedServer {
 public:
  /// Called for each request head (with what came of the body) on its connection.
  using Script = std::function<void(RawClient& peer, const std::string& request)>;
  explicit ScriptedServer(Script script)
      : listener_(*Listener::open("127.0.0.1:0", 16)),
        script_(std::move(script)),
        thread_([this](const std::stop_token& stop) { serve(stop); }) {}
  [[nodiscard]] std::string url(const std::string& path = "/") const {
    return "http://" + listener_.address() + path;
  }
  [[nodiscard]] const std::string& address() const { return listener_.address(); }

 private:
  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd entry{listener_.fd(), POLLIN, 0};
      if (::poll(&entry, 1, 10) != 1) {
        continue;
      }
      RawClient peer(UniqueFd(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC)));
      const std::string request = peer.read_until([](const std::string& text) {
        const std::size_t head = text.find("\r\n\r\n");
        const std::size_t length = text.find("Content-Length: ");
        const bool is_tls = text.starts_with('\x16');
        return is_tls || (head != std::string::npos &&
                          (length == std::string::npos ||
                           text.size() >= head + 4 + std::stoul(text.substr(length + 16))));
      });
      script_(peer, request);
    }
  }
  Listener listener_;
  Script script_;
  std::jthread thread_;
};

ScriptedServer::Script say(std::string answer) {
  return [answer = std::move(answer)](RawClient& peer, const std::string&) { peer.send(answer); };
}
/// Says something, then nothing until the client leaves.
ScriptedServer::Script say_and_hang(std::string answer) {
  return [answer = std::move(answer)](RawClient& peer, const std::string&) {
    peer.send(answer);
    peer.read_to_end();
  };
}

enum class Way : std::uint8_t { kBlocking, kOnLoop };

/// Every case holds for the blocking call and for the service on a loop.
class Fetch : public ::testing::TestWithParam<Way> {
 protected:
  FetchResult run(FetchRequest request) {
    if (GetParam() == Way::kBlocking) {
      return fetch(request);
    }
    Loop loop;
    const auto fetcher = make_fetcher(loop);
    std::optional<FetchResult> result;
    fetcher->start(std::move(request), [&](FetchResult r) {
      EXPECT_FALSE(result.has_value());
      result.emplace(std::move(r));
      loop.stop();
    });
    EXPECT_FALSE(result.has_value()) << "done ran inside start()";
    loop.run();
    return *std::move(result);
  }
  FetchErrc error_of_url(const std::string& url) { return error_of({.url = url}); }
  FetchErrc error_of(FetchRequest request) {
    request.total_timeout = std::min<Milliseconds>(request.total_timeout, kPatience);
    const FetchResult result = run(std::move(request));
    EXPECT_FALSE(result);
    if (result) {
      return FetchErrc::kCancelled;
    }
    EXPECT_FALSE(result.error().detail.empty());
    EXPECT_FALSE(to_string(result.error().code).empty());
    detail_ = result.error().detail;
    return result.error().code;
  }
  std::string detail_;
};
INSTANTIATE_TEST_SUITE_P(Both, Fetch, ::testing::Values(Way::kBlocking, Way::kOnLoop),
                         [](const auto& c) {
                           return c.param == Way::kBlocking ? "Blocking" : "OnLoop";
                         });

TEST_P(Fetch, TheHeadIsSeenLineByLineAlsoOfErrorsAndRedirects) {
  const ScriptedServer server([](RawClient& peer, const std::string& request) {
    peer.send(request.starts_with("GET /there")
                  ? "HTTP/1.1 404 Not Found\r\nX-Second:  b \r\nContent-Length: 2\r\n\r\nno"
                  : "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n"
                    "Connection: close\r\n\r\n");
  });
  std::vector<std::string> lines;
  std::string body;
  FetchRequest request{.url = server.url()};
  request.head_sink = [&](std::string_view line) { lines.emplace_back(line); };
  request.sink = [&](Bytes octets) {
    body += as_text(octets);
    return true;
  };
  EXPECT_EQ(error_of(std::move(request)), FetchErrc::kHttpStatus);
  EXPECT_THAT(lines,
              ::testing::ElementsAre("HTTP/1.1 302 Found", "Location: /there", "Content-Length: 0",
                                     "Connection: close", "HTTP/1.1 404 Not Found", "X-Second:  b",
                                     "Content-Length: 2"));
  EXPECT_EQ(body, "no");
}

TEST_P(Fetch, AsksAsHttp10WhenTold) {
  std::string asked;
  const ScriptedServer server([&](RawClient& peer, const std::string& request) {
    asked = request;
    peer.send("HTTP/1.0 200 OK\r\n\r\nyes");
  });
  const FetchResult result = run({.url = server.url(), .as_http_1_0 = true});
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(as_text(result->body), "yes");
  EXPECT_THAT(asked, StartsWith("GET / HTTP/1.0\r\n"));
}

TEST_P(Fetch, ReadsBodyAndCacheHeaders) {
  std::string request;
  const ScriptedServer server([&](RawClient& peer, const std::string& text) {
    request = text;
    peer.send(
        "HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\nETag: "
        "\"abc\"\r\nCache-Control: public, Max-Age=86000, no-transform\r\n"
        "Date: Thu, 01 Jan 1970 00:01:00 GMT\r\nLast-Modified: Thu, 01 Jan 1970 00:00:30 "
        "GMT\r\nExpires: Thu, 01 Jan 1970 00:02:00 GMT\r\n"
        "Content-Length: 4\r\n\r\nbody");
  });
  const FetchResult result = run({.url = server.url("/a//b%2F+=")});
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_THAT(request,
              AllOf(StartsWith("GET /a//b%2F+= HTTP/1.1\r\n"), Not(HasSubstr("no-cache"))));
  EXPECT_EQ(result->http_status, 200U);
  EXPECT_EQ(as_text(result->body), "body");
  EXPECT_EQ(result->content_type, "application/ocsp-response");
  EXPECT_EQ(result->etag, "\"abc\"");
  EXPECT_EQ(result->max_age, Seconds(86000));
  EXPECT_EQ(result->date, unix_seconds(60));
  EXPECT_EQ(result->last_modified, unix_seconds(30));
  EXPECT_EQ(result->expires, unix_seconds(120));
  EXPECT_EQ(result->final_url, server.url("/a//b%2F+="));
}

TEST_P(Fetch, TellsForHowLongAnAnswerMayStillBeKept) {
  struct Row {
    const char* head;
    std::optional<Seconds> max_age;
  };
  for (const Row& row :
       {Row{"Cache-Control: max-age=60\r\n", Seconds(60)}, Row{"", std::nullopt},
        Row{"Age: 50\r\nCache-Control: max-age=60\r\n", Seconds(10)},
        Row{"Cache-Control: max-age=60\r\nAge: 70\r\n", Seconds(0)},
        Row{"Cache-Control: max-age=60, no-store\r\n", Seconds(0)},
        Row{"Cache-Control: no-cache\r\n", Seconds(0)},
        Row{"Cache-Control: max-age=9223372036854775807\r\n", Seconds(2147483648)},
        Row{"Cache-Control: max-age=99999999999999999999\r\n", Seconds(2147483648)},
        Row{"Cache-Control: max-age=-1\r\n", std::nullopt},
        Row{"Cache-Control: max-age=60\r\nCache-Control: max-age=30\r\n", Seconds(30)},
        Row{"Cache-Control: max-age=60\r\nCache-Control: no-store\r\n", Seconds(0)}}) {
    const ScriptedServer server([&](RawClient& peer, const std::string&) {
      peer.send("HTTP/1.1 200 OK\r\n" + std::string(row.head) + "Content-Length: 0\r\n\r\n");
    });
    const FetchResult result = run({.url = server.url()});
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->max_age, row.max_age) << row.head;
  }
}

// req: OCSP-CLI-055
TEST_P(Fetch, PostsABody) {
  std::string request;
  const ScriptedServer server([&](RawClient& peer, const std::string& text) {
    request = text;
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  ASSERT_TRUE(run({.url = server.url(),
                   .post_body = Buffer{0x30, 0x00, 0x0a},
                   .content_type = "application/ocsp-request",
                   .headers = {"X-A: b"}}));
  EXPECT_THAT(request, AllOf(StartsWith("POST / HTTP/1.1\r\n"),
                             HasSubstr("\r\nContent-Type: application/ocsp-request\r\n"),
                             HasSubstr("\r\nX-A: b\r\n"), Not(HasSubstr("Expect")),
                             ::testing::EndsWith(std::string("\r\n\r\n0\0\n", 7))));
}

// req: OCSP-CLI-059
TEST_P(Fetch, TakesAStatusOtherThan200AsFailure) {
  const ScriptedServer server(
      say("HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 4\r\n\r\nbody"));
  const FetchResult result = run({.url = server.url()});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, FetchErrc::kHttpStatus);
  EXPECT_EQ(result.error().http_status, 503U);
  EXPECT_EQ(result.error().retry_after, Seconds(120));
}

TEST_P(Fetch, TakesARetryAfterBeyondReckoningForSixtyEightYears) {
  const ScriptedServer server(
      say("HTTP/1.1 503 Busy\r\nRetry-After: 9223372036854775807\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(run({.url = server.url()}).error().retry_after, Seconds(2147483648));
}

TEST_P(Fetch, ReadsARetryDateRelativeToTheServersClock) {
  const ScriptedServer server(
      say("HTTP/1.1 503 Busy\r\nDate: Thu, 01 Jan 1970 00:01:00 GMT\r\nRetry-After: Thu, 01 Jan "
          "1970 00:01:30 GMT\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(run({.url = server.url()}).error().retry_after, Seconds(30));
}

TEST_P(Fetch, TakesNotModifiedOnlyWhenAskedFor) {
  const ScriptedServer server(say("HTTP/1.1 304 Not Modified\r\n\r\n"));
  const FetchResult asked = run({.url = server.url(), .headers = {"If-None-Match: \"a\""}});
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->http_status, 304U);
  EXPECT_EQ(error_of_url(server.url()), FetchErrc::kHttpStatus);
}

// req: OCSP-CLI-059
TEST_P(Fetch, EndsAtItsDeadlineHoweverThePeerStalls) {
  const std::string kStalls[] = {"", "HTTP/1.1 200 OK\r\nConte",
                                 "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"};
  for (const std::string& stall : kStalls) {
    const ScriptedServer server(say_and_hang(stall));
    EXPECT_EQ(error_of({.url = server.url(), .total_timeout = Milliseconds(80)}),
              FetchErrc::kTimeout)
        << stall;
  }
}

// req: OCSP-CLI-059
TEST_P(Fetch, IsNotKeptByAPeerThatTrickles) {
  const ScriptedServer server([](RawClient& peer, const std::string&) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (!peer.is_readable_within(Milliseconds(5)) && peer.send("x")) {
    }
  });
  EXPECT_EQ(error_of({.url = server.url(), .total_timeout = Milliseconds(100)}),
            FetchErrc::kTimeout);
}

// req: OCSP-CLI-059
TEST_P(Fetch, StopsAtTheSizeLimit) {
  const ScriptedServer declared(say_and_hang("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n"));
  EXPECT_EQ(error_of({.url = declared.url(), .max_body_bytes = 100}), FetchErrc::kTooLarge);
  const ScriptedServer endless([](RawClient& peer, const std::string&) {
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    while (peer.send(std::string(1000, 'x'))) {
    }
  });
  EXPECT_EQ(error_of({.url = endless.url(), .max_body_bytes = 5000}), FetchErrc::kTooLarge);
  EXPECT_THAT(detail_, HasSubstr("5000"));
  const ScriptedServer exact(say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345"));
  EXPECT_TRUE(run({.url = exact.url(), .max_body_bytes = 5}));
}

TEST_P(Fetch, StopsAtEndlessHeaders) {
  const ScriptedServer server([](RawClient& peer, const std::string&) {
    peer.send("HTTP/1.1 200 OK\r\n");
    while (peer.send("X-Y: " + std::string(1000, 'x') + "\r\n")) {
    }
  });
  EXPECT_EQ(error_of_url(server.url()), FetchErrc::kTooLarge);
}

TEST_P(Fetch, SeesThatAnAnswerIsCutShort) {
  for (const char* text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "HTTP/1.1 2", ""}) {
    const ScriptedServer server(say(text));
    EXPECT_EQ(error_of_url(server.url()), FetchErrc::kProtocol) << text;
  }
}

TEST_P(Fetch, RefusesWhatIsNotHttp) {
  const ScriptedServer server(say("SSH-2.0-OpenSSH_9.2\r\n"));
  EXPECT_EQ(error_of_url(server.url()), FetchErrc::kProtocol);
}

TEST_P(Fetch, ReportsARefusedConnection) {
  std::string address;
  {
    const auto gone = Listener::open("127.0.0.1:0", 1);
    address = gone->address();
  }
  EXPECT_EQ(error_of_url("http://" + address + "/"), FetchErrc::kConnect);
}

TEST_P(Fetch, ReportsTlsThatIsNone) {
  const ScriptedServer server(say("HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_EQ(error_of({.url = "https://" + server.address() + "/", .connect_timeout = kPatience}),
            FetchErrc::kTls);
}

TEST_P(Fetch, FollowsRedirectsAndForgetsTheirHeaders) {
  const ScriptedServer server([](RawClient& peer, const std::string& request) {
    peer.send(request.starts_with("GET /old ")
                  ? "HTTP/1.1 302 Found\r\nLocation: /new\r\nETag: \"old\"\r\nConnection: "
                    "close\r\nContent-Length: 3\r\n\r\nold"
                  : "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew");
  });
  const FetchResult result = run({.url = server.url("/old")});
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(as_text(result->body), "new");
  EXPECT_EQ(result->etag, "");
  EXPECT_EQ(result->final_url, server.url("/new"));
}

TEST_P(Fetch, PostsAgainWhereAPostIsSent) {
  std::string last;
  const ScriptedServer server([&](RawClient& peer, const std::string& request) {
    last = request;
    peer.send(request.starts_with("POST /old ")
                  ? "HTTP/1.1 301 Moved\r\nLocation: /new\r\nConnection: close\r\nContent-Length: "
                    "0\r\n\r\n"
                  : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  ASSERT_TRUE(run({.url = server.url("/old"), .post_body = Buffer{'b'}, .content_type = "a/b"}));
  EXPECT_THAT(last, AllOf(StartsWith("POST /new "), ::testing::EndsWith("\r\n\r\nb")));
}

TEST_P(Fetch, EndsRedirectLoops) {
  int requests = 0;
  {
    const ScriptedServer server([&](RawClient& peer, const std::string&) {
      ++requests;
      peer.send(
          "HTTP/1.1 302 Found\r\nLocation: /again\r\nConnection: close\r\nContent-Length: "
          "0\r\n\r\n");
    });
    EXPECT_EQ(error_of({.url = server.url(), .max_redirects = 3}), FetchErrc::kTooManyRedirects);
  }
  EXPECT_EQ(requests, 4);
}

// req: OCSP-CLI-036
TEST_P(Fetch, CrossesToNoOtherScheme) {
  for (const char* target :
       {"https://127.0.0.1:1/", "ftp://127.0.0.1/", "file:///etc/passwd", "ldap://127.0.0.1/"}) {
    const ScriptedServer server(say("HTTP/1.1 302 Found\r\nLocation: " + std::string(target) +
                                    "\r\nContent-Length: 0\r\n\r\n"));
    EXPECT_EQ(error_of_url(server.url()), FetchErrc::kForbidden) << target;
  }
}

// req: OCSP-CLI-036
TEST_P(Fetch, AsksNothingButHttpAndHttps) {
  for (const char* url : {"", "/etc/passwd", "file:///etc/passwd", "ldap://127.0.0.1/cn=x",
                          "ftp://127.0.0.1/", "http://user:secret@127.0.0.1/", "http://a b/"}) {
    EXPECT_EQ(error_of_url(url), FetchErrc::kBadUrl) << url;
  }
}

TEST_P(Fetch, GoesToNoPrivateDestinationWhenForbidden) {
  const ScriptedServer server(say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(error_of({.url = server.url(), .forbid_private_destinations = true}),
            FetchErrc::kForbidden);
  const std::string port = server.address().substr(server.address().rfind(':'));
  EXPECT_EQ(error_of({.url = "http://localhost" + port, .forbid_private_destinations = true}),
            FetchErrc::kForbidden);
}

TEST_P(Fetch, AsksThroughAProxyAndReadsNoEnvironment) {
  std::string request;
  const ScriptedServer proxy([&](RawClient& peer, const std::string& text) {
    request = text;
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  ASSERT_TRUE(run({.url = "http://ocsp.example/a",
                   .proxy = "http://" + proxy.address(),
                   .forbid_private_destinations = true}));
  EXPECT_THAT(request, StartsWith("GET http://ocsp.example/a HTTP/1.1\r\n"));
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  const FetchResult direct = run({.url = proxy.url("/direct")});
  ::unsetenv("http_proxy");
  ASSERT_TRUE(direct) << direct.error().detail;
  EXPECT_THAT(request, StartsWith("GET /direct "));
}

TEST_P(Fetch, LeavesFromTheSourceAddress) {
  std::string source;
  const ScriptedServer server([&](RawClient& peer, const std::string&) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getpeername(peer.fd(), reinterpret_cast<sockaddr*>(&address), &size);
    source = ::inet_ntoa(address.sin_addr);
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  ASSERT_TRUE(run({.url = server.url(), .source_address = "127.0.0.9"}));
  EXPECT_EQ(source, "127.0.0.9");
}

TEST(Fetcher, RunsManyAtOnceWithoutOneDelayingAnother) {
  const ScriptedServer hanging(say_and_hang(""));
  const ScriptedServer good(say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  Loop loop;
  const auto fetcher = make_fetcher(loop);
  int good_answers = 0;
  bool is_hanging_done = false;
  fetcher->start({.url = hanging.url(), .total_timeout = kPatience},
                 [&](const FetchResult&) { is_hanging_done = true; });
  for (int i = 0; i < 20; ++i) {
    fetcher->start({.url = good.url()}, [&](const FetchResult& result) {
      EXPECT_TRUE(result);
      if (++good_answers == 20) {
        loop.stop();
      }
    });
  }
  loop.run();
  EXPECT_EQ(good_answers, 20);
  EXPECT_FALSE(is_hanging_done);
}

TEST(Fetcher, CancelsOnceAndStartsFromWithinDone) {
  const ScriptedServer hanging(say_and_hang(""));
  Loop loop;
  const auto fetcher = make_fetcher(loop);
  std::vector<FetchErrc> codes;
  const FetchId id = fetcher->start({.url = hanging.url()}, [&](const FetchResult& result) {
    codes.push_back(result.error().code);
    fetcher->start({.url = "ftp://x/"}, [&](const FetchResult& second) {
      codes.push_back(second.error().code);
      loop.stop();
    });
  });
  loop.after(Milliseconds(5), [&] {
    fetcher->cancel(id);
    fetcher->cancel(id);
  });
  loop.run();
  EXPECT_THAT(codes, ::testing::ElementsAre(FetchErrc::kCancelled, FetchErrc::kBadUrl));
}

TEST(Fetcher, DropsWhatIsUnderWayWhenDestroyed) {
  const ScriptedServer hanging(say_and_hang(""));
  Loop loop;
  auto fetcher = make_fetcher(loop);
  int calls = 0;
  fetcher->start({.url = hanging.url()}, [&](const FetchResult&) { ++calls; });
  fetcher->start({.url = "bad"}, [&](const FetchResult&) { ++calls; });
  loop.after(Milliseconds(5), [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(calls, 1);
  fetcher.reset();
  loop.after(Milliseconds(5), [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace muster::net
