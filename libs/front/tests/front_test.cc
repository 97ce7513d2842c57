#include "muster/front/front.h"

#include <vector>

#include "front_fixture.h"
#include "muster/testing/few_descriptors.h"

namespace muster::front {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

TEST_F(FrontTest, CarriesOctetsBothWays) {
  add_leaf("one.example");
  put_on_shelf({}, {});
  start();
  const std::string piece = pattern(70'000);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client(address(), "one.example", version);
    ASSERT_TRUE(client.is_connected());
    for (int i = 0; i < 40; ++i) {
      ASSERT_TRUE(client.send(piece));
      ASSERT_EQ(client.read(piece.size()), piece);
    }
  }
  EXPECT_EQ(stats().handshakes, 2U);
}

TEST_F(FrontTest, PassesTheEndOfEitherSideOn) {
  add_leaf("one.example");
  put_on_shelf({}, {});
  std::string request;
  const Upstream upstream([&](net::RawClient& peer) {
    request = peer.read_to_end();
    peer.send("answer behind the client's goodbye");
  });
  options_.upstream = upstream.address();
  start();
  TlsClient client(address());
  client.send("request");
  client.say_goodbye();
  EXPECT_EQ(client.read_to_end(), "answer behind the client's goodbye");
  EXPECT_TRUE(client.has_goodbye());
  EXPECT_EQ(request, "request");
}

TEST_F(FrontTest, PassesACutOnAsACut) {
  add_leaf("one.example");
  put_on_shelf({}, {});
  std::promise<bool> was_reset;
  const Upstream upstream([&](net::RawClient& peer) {
    char first = 0;
    ASSERT_EQ(::recv(peer.fd(), &first, 1, 0), 1);
    if (first == 'u') {
      peer.send("half an ans");
      peer.abort();
    } else {
      was_reset.set_value(::recv(peer.fd(), &first, 1, 0) < 0 && errno == ECONNRESET);
    }
  });
  options_.upstream = upstream.address();
  start();
  TlsClient client(address());
  client.send("u");
  client.read_to_end();
  EXPECT_FALSE(client.has_goodbye()) << "the client must not take the part for the whole";
  TlsClient leaving(address());
  leaving.send("c");
  leaving.raw().close();
  EXPECT_TRUE(was_reset.get_future().get()) << "nor the upstream";
}

TEST_F(FrontTest, StopsASideThatIsFasterThanTheOther) {
  add_leaf("one.example");
  put_on_shelf({}, {});
  std::atomic<std::size_t> sent{0};
  constexpr std::size_t kSize = 60'000'000;
  std::atomic<bool> is_first{true};
  const Upstream upstream([&](net::RawClient& peer) {
    const std::string piece(100'000, 'x');
    if (!is_first.exchange(false)) {
      peer.read_to_end();
      return;
    }
    while (sent < kSize && peer.send(piece)) {
      sent += piece.size();
    }
  });
  options_.upstream = upstream.address();
  start();
  TlsClient client(address());
  ASSERT_TRUE(client.is_connected());
  ASSERT_EQ(client.read(1), "x");
  // It comes to a halt long before the end: nobody holds what the client does not take, but the
  // sockets.
  std::size_t before = 0;
  ASSERT_TRUE(eventually([&] {
    before = sent;
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(TlsClient(address()).is_connected());
    }
    return sent == before;
  }));
  EXPECT_LT(sent, kSize / 2);
  EXPECT_EQ(client.read_to_end().size() + 1, kSize);
  EXPECT_TRUE(client.has_goodbye());
}

TEST_F(FrontTest, ChoosesCertificateAndStapleByName) {
  const Identity one = add_leaf("one.example"), two = add_leaf("two.example");
  const Buffer first = make_staple(one.certificate), second = make_staple(two.certificate);
  put_on_shelf({one.certificate, two.certificate}, {first, second});
  start();
  TlsClient asks_two(address(), "two.example");
  EXPECT_EQ(asks_two.certificate(), to_buffer(two.certificate.der()));
  EXPECT_EQ(asks_two.staple(), second);
  EXPECT_EQ(TlsClient(address(), "one.example").staple(), first);
  EXPECT_EQ(stats().staples.stapled, 2U);
}

TEST_F(FrontTest, SaysWhatIsWrongWithItsFiles) {
  const auto error_of = [this](FrontOptions options) {
    return thread_.call([&]() -> FrontError {
      const auto fetcher = net::make_fetcher(thread_.loop());
      const auto front =
          Front::make(thread_.loop(), *fetcher, clock_, null_logger(), std::move(options), 1);
      EXPECT_FALSE(front);
      return front ? FrontError{FrontErrc::kAddress, ""} : front.error();
    });
  };
  add_leaf("one.example");
  add_leaf("two.example");
  put_on_shelf({}, {});
  const std::vector<CertificateFiles> good = options_.certificates;

  FrontOptions options = options_;
  options.certificates.clear();
  EXPECT_EQ(error_of(options).code, FrontErrc::kUsage);
  options = options_;
  options.certificates[0].key = good[1].key;
  EXPECT_THAT(error_of(options).detail,
              HasSubstr("does not belong to the first certificate in '" + good[0].cert));
  options = options_;
  options.certificates[0].key = dir_.write("junk.key", "junk");
  EXPECT_THAT(error_of(options).detail,
              ::testing::StartsWith(options.certificates[0].key + ": not a private key"))
      << "its name once";
  options.certificates[0].key.clear();
  EXPECT_THAT(error_of(options).detail,
              AllOf(HasSubstr("no private key in '" + good[0].cert), HasSubstr("--key")));
  options.certificates[0].key = dir_.write(
      "encrypted.key", muster::testing::encrypted_pem(standard_pki().leaf.key, "sesame"));
  EXPECT_THAT(error_of(options).detail,
              AllOf(HasSubstr("encrypted.key' is encrypted"), HasSubstr("openssl pkey")));
  options = options_;
  options.certificates[0].cert = dir_.file("absent.pem");
  EXPECT_THAT(error_of(options).detail, HasSubstr("absent.pem"));
  EXPECT_EQ(error_of(options).code, FrontErrc::kInput);
  options = options_;
  options.listen = {"nowhere"};
  options.certificates[0].cert = dir_.file("absent.pem");
  EXPECT_EQ(error_of(options).code, FrontErrc::kUsage) << "told before files are read";
  options = options_;
  options.upstream = "backend";
  EXPECT_THAT(error_of(options).detail, HasSubstr("'backend' is not an address"));
  options.listen = {"127.0.0.1:8443"};
  options.upstream = "127.0.0.1:8443";
  EXPECT_THAT(error_of(options).detail, HasSubstr("talk to itself"));
  options = options_;
  options.shelf.clear();
  EXPECT_THAT(error_of(options).detail, HasSubstr("--shelf"));
  options = options_;
  options.tls.ciphers12 = "NONSENSE";
  EXPECT_EQ(error_of(options).code, FrontErrc::kUsage);
}

TEST(UpstreamProblem, PortZeroAndTheFrontItselfAreNoUpstreams) {
  const auto problem = [](const std::string& listen, const std::string& upstream) {
    return find_upstream_problem(upstream, {"127.0.0.1:1", listen}).value_or("");
  };
  EXPECT_THAT(problem("127.0.0.1:8443", "127.0.0.1:0"), HasSubstr("has port 0"));
  EXPECT_THAT(problem("127.0.0.1:8443", "[::1]:0"), HasSubstr("has port 0"));
  const std::pair<const char*, const char*> itself[] = {{"127.0.0.1:8443", "127.0.0.1:8443"},
                                                        {"127.0.0.1:8443", "localhost:8443"},
                                                        {"127.0.0.1:8443", "0.0.0.0:8443"},
                                                        {"[::1]:8443", "[::]:8443"},
                                                        {"*:8443", "127.0.0.1:8443"},
                                                        {"*:8443", "[::1]:8443"},
                                                        {"*:8443", "*:8443"},
                                                        {"0.0.0.0:8443", "127.0.0.1:8443"},
                                                        {"unix:/run/front", "unix:/run/front"}};
  for (const auto& [listen, upstream] : itself) {
    EXPECT_THAT(problem(listen, upstream), HasSubstr("talk to itself")) << listen << upstream;
  }
  const std::pair<const char*, const char*> others[] = {
      {"127.0.0.1:8443", "127.0.0.1:8080"}, {"127.0.0.1:8443", "127.0.0.2:8443"},
      {"*:8443", "192.0.2.1:8443"},         {"0.0.0.0:8443", "[::1]:8443"},
      {"unix:/run/front", "unix:/run/b:0"}, {"*:8443", "unix:/run/b:8443"},
      {"nowhere", "127.0.0.1:8443"}};
  for (const auto& [listen, upstream] : others) {
    EXPECT_EQ(problem(listen, upstream), "") << listen << upstream;
  }
}

TEST_F(FrontTest, WarnsOfCertificatesThatHaveExpired) {
  class Events final : public Logger {
   public:
    using Logger::log;
    void log(LogLevel, std::string_view event, std::string_view message,
             std::initializer_list<LogField>) override {
      if (event == "front.expired") {
        expired.emplace_back(message);
      }
    }
    std::vector<std::string> expired;
  };
  const auto add_until = [this](const std::string& name, UnixSeconds end) {
    auto spec = leaf_spec(name);
    spec.not_after = end;
    write_leaf(name, issue(standard_pki().intermediate, spec));
  };
  add_until("last.example", kTestNow);
  add_until("gone.example", kTestNow - Seconds(1));
  put_on_shelf({}, {});
  Events events;
  thread_.call([&] {
    const auto fetcher = net::make_fetcher(thread_.loop());
    const auto front = Front::make(thread_.loop(), *fetcher, clock_, events, options_, 1);
    ASSERT_TRUE(front) << front.error().detail;
    EXPECT_THAT(events.expired, ::testing::ElementsAre(HasSubstr("gone.example")));
    ASSERT_TRUE((*front)->reload(options_));
    EXPECT_EQ(events.expired.size(), 2U) << "also when they are read again";
  });
}

TEST_F(FrontTest, SaysWhenAnAddressIsTaken) {
  add_leaf("one.example");
  put_on_shelf({}, {});
  const auto other = net::Listener::open("127.0.0.1:0", 1);
  ASSERT_TRUE(other);
  options_.listen = {other->address()};
  start();
  const auto listening = listening_.get_future().get();
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code, FrontErrc::kAddress);
  EXPECT_THAT(listening.error().detail, HasSubstr("in use"));
}

class FrontLimits : public FrontTest {
 protected:
  FrontLimits() {
    add_leaf("one.example");
    put_on_shelf({}, {});
    options_.loops = 1;
  }
};

TEST_F(FrontLimits, HarmlessAreScannersAndPlainHttp) {
  start();
  for (const char* text :
       {"", "\x16", "GET / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n", "\x16\x03\x01\x00\x05hello"}) {
    net::RawClient polite(address());
    polite.send(text);
    ::shutdown(polite.fd(), SHUT_WR);
    polite.read_to_end();
    net::RawClient rude(address());
    rude.send(text);
    rude.abort();
  }
  TlsClient client(address());
  ASSERT_TRUE(client.send("x"));
  EXPECT_EQ(client.read(1), "x");
  EXPECT_TRUE(eventually([&] { return stats().open_connections == 1; }));
}

TEST_F(FrontLimits, CutsSlowHandshakesOff) {
  options_.limits.handshake_timeout = Milliseconds(50);
  start();
  net::RawClient client(address());
  client.send("\x16\x03\x01");
  EXPECT_TRUE(client.is_at_end());
  EXPECT_EQ(stats().handshake_timeouts, 1U);
}

TEST_F(FrontLimits, ClosesConnectionsBeyondTheLimit) {
  options_.limits.max_connections = 1;
  start();
  TlsClient first(address());
  ASSERT_TRUE(first.is_connected());
  EXPECT_FALSE(TlsClient(address()).is_connected());
  EXPECT_EQ(stats().refused_connections, 1U);
}

// A unix socket has one loop to itself, and others get clients by chance.
TEST_F(FrontLimits, AreOfAllLoopsTogether) {
  constexpr std::size_t kMost = 3;
  options_.limits.max_connections = kMost;
  options_.limits.handshake_timeout = kPatience;
  options_.loops = 4;
  options_.listen = {"unix:" + dir_.file("front.sock"), "127.0.0.1:0"};
  start();
  const auto addresses = listening_.get_future().get();
  ASSERT_TRUE(addresses) << addresses.error().detail;
  std::vector<net::RawClient> silent;
  for (std::size_t i = 0; i < kMost; ++i) {
    silent.emplace_back(addresses->at(0));
  }
  ASSERT_TRUE(eventually([&] { return stats().connections == kMost; })) << "all on one loop";
  constexpr std::size_t kMore = 16;
  for (std::size_t i = 0; i < kMore; ++i) {
    silent.emplace_back(addresses->at(1));
  }
  ASSERT_TRUE(eventually([&] { return stats().refused_connections == kMore; })) << "on any loop";
  EXPECT_EQ(stats().open_connections, kMost);
  silent.front().close();
  ASSERT_TRUE(eventually([&] { return stats().open_connections == kMost - 1; }));
  silent.emplace_back(addresses->at(1));
  EXPECT_TRUE(eventually([&] { return stats().connections == kMost + 1; })) << "a place was free";
}

TEST_F(FrontLimits, RefusesMoreLoopsThanThereAreDescriptorsFor) {
  options_.loops = 200;
  const muster::testing::FewDescriptors few(256);
  thread_.call([this] {
    const auto fetcher = net::make_fetcher(thread_.loop());
    const auto refused = Front::make(thread_.loop(), *fetcher, clock_, null_logger(), options_, 1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, FrontErrc::kSystem);
    EXPECT_THAT(refused.error().detail, HasSubstr("256 descriptors where 1664 are needed"));
    EXPECT_THAT(refused.error().detail, HasSubstr("LimitNOFILE"));
  });
}

// What is left is needed to read renewed certificates, and to reach the upstream.
TEST_F(FrontLimits, TakesNoMoreConnectionsThanThereAreDescriptorsFor) {
  constexpr std::size_t kMost = 25;  // two each of 72, less a quarter and four for the loop
  options_.limits.handshake_timeout = kPatience;
  const std::string front = [this] {
    const muster::testing::FewDescriptors few(72);
    start();
    return address();
  }();
  std::vector<net::RawClient> silent;
  for (std::size_t i = 0; i < kMost + 3; ++i) {
    silent.emplace_back(front);
  }
  EXPECT_TRUE(eventually([&] { return stats().refused_connections == 3; }));
  EXPECT_EQ(stats().open_connections, kMost);
}

TEST_F(FrontLimits, EndsSilentConnections) {
  options_.limits.idle_timeout = Milliseconds(50);
  start();
  TlsClient client(address());
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.has_goodbye());
  EXPECT_EQ(stats().idle_timeouts, 1U);
}

TEST_F(FrontLimits, SaysGoodbyeWithoutUpstream) {
  {
    const auto gone = net::Listener::open("127.0.0.1:0", 1);
    options_.upstream = gone->address();
  }
  start();
  TlsClient client(address());
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.has_goodbye());
  EXPECT_EQ(stats().upstream_failures, 1U);
}

TEST_F(FrontLimits, DoesNotWaitForAnUpstreamThatDoesNotAccept) {
  // A full queue: the kernel drops further attempts to connect.
  const auto full = net::Listener::open("127.0.0.1:0", 0);
  net::RawClient filler(full->address());
  options_.upstream = full->address();
  options_.limits.connect_timeout = Milliseconds(50);
  start();
  TlsClient client(address());
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(stats().upstream_timeouts, 1U);
}

// What it says waits in its socket: it is no sign that the upstream took the connection.
TEST_F(FrontLimits, WaitsForTheUpstreamAlsoWhenTheClientSpeaksFirst) {
  const auto full = net::Listener::open("127.0.0.1:0", 0);
  net::RawClient filler(full->address());
  options_.upstream = full->address();
  options_.limits.connect_timeout = Milliseconds(500);
  start();
  TlsClient client(address());
  ASSERT_TRUE(client.send("x"));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(stats().upstream_timeouts, 1U);
}

TEST_F(FrontLimits, TellsTheUpstreamWhoTheClientIs) {
  options_.proxy_protocol = ProxyProtocol::kV1;
  start();
  TlsClient client(address());
  const std::string expected = proxy_line_of(client);
  EXPECT_EQ(client.read(expected.size()), expected);
}

TEST_F(FrontLimits, TellsItInBinaryToo) {
  options_.proxy_protocol = ProxyProtocol::kV2;
  start();
  TlsClient client(address());
  ASSERT_TRUE(client.send("x"));
  const std::string header = client.read(28);
  EXPECT_EQ(to_hex(as_bytes(header)).substr(0, 48),
            "0d0a0d0a000d0a515549540a"
            "2111000c"
            "7f0000017f000001");
  const auto port_at = [&](std::size_t at) {
    return std::to_string(static_cast<std::uint8_t>(header[at]) << 8 |
                          static_cast<std::uint8_t>(header[at + 1]));
  };
  EXPECT_THAT(net::SocketAddress::of_local(client.raw().fd()).text(), EndsWith(":" + port_at(24)));
  EXPECT_THAT(address(), EndsWith(":" + port_at(26)));
  EXPECT_EQ(client.read(1), "x");
}

class FrontDrain : public FrontLimits {
 protected:
  void stop() {
    thread_.call([this] { front_->stop([this] { stopped_.set_value(); }); });
  }
  bool is_stopped() { return done_.wait_for(kPatience) == std::future_status::ready; }
  std::promise<void> stopped_;
  std::future<void> done_ = stopped_.get_future();
};

TEST_F(FrontDrain, LetsRequestsFinishAndEndsQuietConnections) {
  std::promise<void> may_answer;
  auto permission = may_answer.get_future().share();
  const Upstream upstream([&](net::RawClient& peer) {
    peer.read_until([](const std::string& text) { return !text.empty(); });
    permission.wait();
    peer.send("answer");
    peer.read_to_end();
  });
  options_.upstream = upstream.address();
  options_.grace = kPatience;
  start();
  TlsClient quiet(address());
  TlsClient busy(address());
  ASSERT_TRUE(busy.send("question"));
  ASSERT_TRUE(eventually([&] { return stats().handshakes == 2; }));
  stop();
  EXPECT_EQ(quiet.read_to_end(), "");
  EXPECT_TRUE(quiet.has_goodbye());
  EXPECT_FALSE(done_.wait_for(Milliseconds(0)) == std::future_status::ready);
  may_answer.set_value();
  EXPECT_EQ(busy.read_to_end(), "answer");
  EXPECT_TRUE(busy.has_goodbye());
  EXPECT_TRUE(is_stopped());
}

TEST_F(FrontDrain, EndsAfterItsGrace) {
  options_.grace = Milliseconds(30);
  const Upstream upstream([](net::RawClient& peer) { peer.read_to_end(); });
  options_.upstream = upstream.address();
  start();
  TlsClient client(address());
  ASSERT_TRUE(client.send("question nobody answers"));
  stop();
  EXPECT_TRUE(is_stopped());
  EXPECT_EQ(client.read_to_end(), "");
}

}  // namespace
}  // namespace muster::front
