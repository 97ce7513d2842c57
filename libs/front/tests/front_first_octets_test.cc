#include <openssl/bio.h>

#include <future>

#include "front_fixture.h"
#include "muster/front/front.h"

namespace muster::front {
namespace {

/// A TLS 1.3 client whose first octets leave in one piece with the end of its handshake.
class EagerClient {
 public:
  EagerClient(const std::string& address, std::string_view first)
      : raw_(address),
        context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
        ssl_(SSL_new(context_.get()), SSL_free),
        from_server_(BIO_new(BIO_s_mem())),
        to_server_(BIO_new(BIO_s_mem())) {
    SSL_set_min_proto_version(ssl_.get(), TLS1_3_VERSION);
    SSL_set_bio(ssl_.get(), from_server_, to_server_);
    SSL_set_connect_state(ssl_.get());
    while (SSL_do_handshake(ssl_.get()) != 1) {
      flush();
      if (!feed()) {
        return;
      }
    }
    std::size_t written = 0;
    is_connected_ = SSL_write_ex(ssl_.get(), first.data(), first.size(), &written) == 1;
    flush();
  }

  [[nodiscard]] bool is_connected() const { return is_connected_; }
  /// Exactly so many octets, fewer at the end of the stream.
  std::string read(std::size_t size) {
    std::string text(size, '\0');
    std::size_t have = 0, count = 0;
    while (have < size) {
      if (SSL_read_ex(ssl_.get(), text.data() + have, size - have, &count) == 1) {
        have += count;
      } else if (!feed()) {
        break;
      }
    }
    text.resize(have);
    return text;
  }

 private:
  /// Sends what waits, at once.
  void flush() {
    std::string out(BIO_ctrl_pending(to_server_), '\0');
    std::size_t count = 0;
    if (!out.empty() && BIO_read_ex(to_server_, out.data(), out.size(), &count) == 1) {
      raw_.send(out.substr(0, count));
    }
  }
  /// Whether the server said more.
  bool feed() {
    char buffer[16384];
    if (!raw_.is_readable_within(kPatience)) {
      return false;
    }
    const ssize_t count = ::recv(raw_.fd(), buffer, sizeof buffer, 0);
    return count > 0 && BIO_write(from_server_, buffer, static_cast<int>(count)) == count;
  }

  net::RawClient raw_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  BIO* from_server_;  // both are the session's
  BIO* to_server_;
  bool is_connected_ = false;
};

bool has_some(const std::string& text) { return !text.empty(); }

/// A front that waits for them. What it opens is taken by hand, in the order in which it was
/// opened.
class FirstOctets : public FrontTest {
 protected:
  FirstOctets() {
    add_leaf("one.example");
    put_on_shelf({}, {});
    options_.loops = 1;
    options_.connect = ConnectUpstream::kWithFirstOctets;
    options_.upstream = behind_.address();
  }
  [[nodiscard]] bool has_opened(Milliseconds within = Milliseconds(0)) const {
    pollfd entry{behind_.fd(), POLLIN, 0};
    return ::poll(&entry, 1, static_cast<int>(within.count())) == 1;
  }
  net::RawClient take() const {
    EXPECT_TRUE(has_opened(kPatience));
    return net::RawClient(UniqueFd(::accept4(behind_.fd(), nullptr, nullptr, SOCK_CLOEXEC)));
  }
  /// An address at which nobody listens.
  static std::string nobody() { return net::Listener::open("127.0.0.1:0", 1)->address(); }

  net::Listener behind_{*net::Listener::open("127.0.0.1:0", 64)};
};

TEST_F(FirstOctets, OpenTheConnectionBehindAndNothingElseDoes) {
  start();
  TlsClient silent(address());
  ASSERT_TRUE(eventually([&] { return stats().handshakes == 1; }));
  TlsClient speaking(address());
  ASSERT_TRUE(speaking.send("b"));
  net::RawClient first = take();
  EXPECT_EQ(first.read_until(has_some), "b") << "the silent one came earlier and opened nothing";
  ASSERT_TRUE(silent.send("a"));
  net::RawClient second = take();
  EXPECT_EQ(second.read_until(has_some), "a");
  ASSERT_TRUE(second.send("answer"));
  EXPECT_EQ(silent.read(6), "answer");
  EXPECT_FALSE(has_opened());
}

TEST_F(FirstOctets, ArriveWholeAndOnceBehindWhoTheClientIs) {
  options_.proxy_protocol = ProxyProtocol::kV1;
  start();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const unsigned size : {1U, 40'000U, 3'000'000U}) {  // within a record, some, many
      auto received = std::async(std::launch::async, [this] {
        net::RawClient peer = take();
        std::string text = peer.read_to_end();
        peer.send("answer behind the client's goodbye");
        return text;
      });
      const std::string text = pattern(size);
      TlsClient client(address(), "", version);
      ASSERT_TRUE(client.send(text));
      client.say_goodbye();
      EXPECT_EQ(client.read_to_end(), "answer behind the client's goodbye");
      EXPECT_TRUE(client.has_goodbye());
      EXPECT_TRUE(received.get() == proxy_line_of(client) + text) << size;
    }
  }
}

TEST_F(FirstOctets, ThatCameWithTheHandshakeAreThereAlready) {
  options_.upstream = echo_.address();
  start();
  EagerClient client(address(), "first");
  ASSERT_TRUE(client.is_connected());
  EXPECT_EQ(client.read(5), "first");
}

// In some protocols the client says nothing before it was greeted.
TEST_F(FirstOctets, AreNotWaitedForUnlessToldTo) {
  options_.connect = FrontOptions{}.connect;
  start();
  TlsClient client(address());
  net::RawClient peer = take();
  ASSERT_TRUE(peer.send("220 ready\r\n"));
  EXPECT_EQ(client.read(11), "220 ready\r\n");
}

TEST_F(FirstOctets, OfAClientThatLeavesAreNotWaitedFor) {
  start();
  TlsClient polite(address());
  polite.say_goodbye();
  EXPECT_EQ(polite.read_to_end(), "");
  EXPECT_TRUE(polite.has_goodbye());
  polite.raw().close();
  TlsClient rude(address());
  ASSERT_TRUE(eventually([&] { return stats().handshakes == 2; }));
  rude.raw().close();
  EXPECT_TRUE(eventually([&] { return stats().open_connections == 0; }));
  EXPECT_EQ(stats().cut_connections, 1U);
  EXPECT_FALSE(has_opened());
}

TEST_F(FirstOctets, AreWaitedForUntilTheIdleLimit) {
  options_.limits.idle_timeout = Milliseconds(50);
  start();
  TlsClient client(address());
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.has_goodbye());
  EXPECT_EQ(stats().idle_timeouts, 1U);
  EXPECT_FALSE(has_opened());
}

TEST_F(FirstOctets, ShowAnUpstreamThatIsGone) {
  options_.upstream = nobody();
  start();
  TlsClient client(address());
  ASSERT_TRUE(eventually([&] { return stats().handshakes == 1; }));
  EXPECT_EQ(stats().upstream_failures, 0U);
  ASSERT_TRUE(client.send("x"));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.has_goodbye());
  EXPECT_EQ(stats().upstream_failures, 1U);
}

TEST_F(FirstOctets, AreNotWaitedForAtTheEnd) {
  options_.grace = kPatience;
  start();
  TlsClient client(address());
  ASSERT_TRUE(eventually([&] { return stats().handshakes == 1; }));
  const auto stopped = std::make_shared<std::promise<void>>();
  auto done = stopped->get_future();
  thread_.call([&] { front_->stop([stopped] { stopped->set_value(); }); });
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.has_goodbye());
  EXPECT_TRUE(done.wait_for(kPatience) == std::future_status::ready);
  EXPECT_EQ(stats().idle_timeouts, 0U);
  EXPECT_FALSE(has_opened());
}

}  // namespace
}  // namespace muster::front
