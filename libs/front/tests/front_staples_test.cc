#include "front_fixture.h"
#include "muster/net/http_server.h"

namespace muster::front {
namespace {

using ::testing::ElementsAre;

// req: OCSP-STAP-001
TEST_F(FrontTest, StaplesInTheVeryFirstHandshake) {
  const Identity leaf = add_leaf("one.example");
  const Buffer staple = make_staple(leaf.certificate);
  put_on_shelf({leaf.certificate}, {staple});
  options_.start_wait = kPatience;
  start();
  EXPECT_EQ(TlsClient(address()).staple(), staple);
}

TEST_F(FrontTest, ListensOnlyWhenItsStaplesAreThere) {
  const Identity one = add_leaf("one.example"), two = add_leaf("two.example");
  add_leaf("unasked.example", {});  // no OCSP URL: nothing to wait for
  put_on_shelf({one.certificate}, {make_staple(one.certificate)});
  options_.start_wait = kPatience;
  start();
  auto listening = listening_.get_future();
  EXPECT_EQ(listening.wait_for(Milliseconds(200)), std::future_status::timeout);
  const Buffer staple = make_staple(two.certificate);
  put_on_shelf({two.certificate}, {staple});
  const auto addresses = listening.get();
  ASSERT_TRUE(addresses);
  EXPECT_EQ(TlsClient(addresses->front(), "two.example").staple(), staple);
}

TEST_F(FrontTest, ListensAfterItsPatienceWithoutStaples) {
  add_leaf("one.example");
  put_on_shelf({}, {});
  options_.start_wait = Milliseconds(50);
  start();
  TlsClient client(address());
  EXPECT_TRUE(client.is_connected());
  EXPECT_EQ(client.staple(), Buffer{});
}

// req: OCSP-TLS-028
TEST_F(FrontTest, HoldsMustStapleCertificatesWithoutStaple) {
  const Identity must = add_leaf("must.example", {"http://127.0.0.1:1/"}, {5});
  put_on_shelf({}, {});
  options_.tls.staple.must_staple = tls::MustStaplePolicy::kHold;
  start();
  EXPECT_FALSE(TlsClient(address()).is_connected());
  EXPECT_EQ(stats().staples.held, 1U);
  const Buffer staple = make_staple(must.certificate);
  put_on_shelf({must.certificate}, {staple});
  EXPECT_TRUE(eventually([&] { return TlsClient(address()).staple() == staple; }));
}

TEST_F(FrontTest, FollowsTheShelf) {
  const Identity leaf = add_leaf("one.example");
  const Buffer old_staple = make_staple(leaf.certificate, Seconds(3600));
  put_on_shelf({leaf.certificate}, {old_staple});
  start();
  ASSERT_EQ(TlsClient(address()).staple(), old_staple);
  const Buffer revoked = make_staple(leaf.certificate, Seconds(60),
                                     ocsp::Revoked{kTestNow - Seconds(60), std::nullopt});
  put_on_shelf({leaf.certificate}, {revoked});
  EXPECT_TRUE(eventually([&] { return TlsClient(address()).staple() == revoked; }));
}

TEST_F(FrontTest, StaplesNothingThatHasExpired) {
  const Identity leaf = add_leaf("one.example");
  put_on_shelf({leaf.certificate}, {make_staple(leaf.certificate)});
  start();
  ASSERT_NE(TlsClient(address()).staple(), Buffer{});
  clock_.jump_to(kTestNow + Seconds(86400));
  EXPECT_EQ(TlsClient(address()).staple(), Buffer{});
}

// req: OCSP-TLS-030
TEST_F(FrontTest, ReplacesCertificateAndStapleTogetherUnderLoad) {
  const Identity old_leaf = add_leaf("one.example");
  const Buffer old_staple = make_staple(old_leaf.certificate);
  put_on_shelf({old_leaf.certificate}, {old_staple});
  options_.start_wait = kPatience;
  start();
  const std::string to = address();
  std::atomic<bool> is_over{false};
  std::atomic<int> old_seen{0}, new_seen{0}, wrong{0};
  const Identity fresh = issue(standard_pki().intermediate, [] {
    auto spec = leaf_spec("one.example");
    spec.ocsp_uris = {"http://127.0.0.1:1/"};
    return spec;
  }());
  const Buffer new_staple = make_staple(fresh.certificate);
  std::thread load([&] {
    while (!is_over) {
      const TlsClient client(to);
      if (client.certificate() == to_buffer(old_leaf.certificate.der()) &&
          client.staple() == old_staple) {
        ++old_seen;
      } else if (client.certificate() == to_buffer(fresh.certificate.der()) &&
                 client.staple() == new_staple) {
        ++new_seen;
      } else {
        ++wrong;
      }
    }
  });
  EXPECT_TRUE(eventually([&] { return old_seen > 0; }));
  write_leaf("one.example", fresh);
  thread_.call([this] { EXPECT_TRUE(front_->reload(options_)); });
  // Without its staple the new certificate waits; the old one serves on.
  const int before = old_seen;
  EXPECT_TRUE(eventually([&] { return old_seen > before + 5; }));
  EXPECT_EQ(new_seen, 0);
  put_on_shelf({fresh.certificate}, {new_staple});
  EXPECT_TRUE(eventually([&] { return new_seen > 5; }));
  is_over = true;
  load.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(FrontTest, KeepsTheOldCertificatesWhenAReloadFails) {
  const Identity leaf = add_leaf("one.example");
  put_on_shelf({}, {});
  start();
  FrontOptions broken = options_;
  broken.certificates[0].key = dir_.write("junk.key", "junk");
  thread_.call([&] {
    const auto reloaded = front_->reload(broken);
    ASSERT_FALSE(reloaded);
    EXPECT_EQ(reloaded.error().code, FrontErrc::kInput);
  });
  EXPECT_EQ(TlsClient(address()).certificate(), to_buffer(leaf.certificate.der()));
}

/// A responder that gives one prepared answer, or none at all.
class KeeperTest : public FrontTest, public net::HttpHandler {
 protected:
  KeeperTest() {
    responder_thread_.call([this] {
      auto server = net::HttpServer::listen(responder_thread_.loop(), "127.0.0.1:0", {}, *this);
      ASSERT_TRUE(server);
      responder_ = *std::move(server);
    });
    options_.staples_from = StaplesFrom::kKeep;
    options_.start_wait = kPatience;
  }
  ~KeeperTest() override {
    responder_thread_.call([this] { responder_.reset(); });
  }
  void handle(const http::RequestView&, net::HttpReply& reply) override {
    ++requests_;
    reply.send(200, "application/ocsp-response", {}, answer_);
  }
  net::LoopThread responder_thread_;
  std::unique_ptr<net::HttpServer> responder_;
  Buffer answer_;
  std::atomic<int> requests_{0};
};

// req: OCSP-TLS-030
TEST_F(KeeperTest, FetchesBeforeItListensAndNeverInsideAHandshake) {
  const Identity leaf = add_leaf("one.example", {"http://" + responder_->address() + "/"});
  answer_ = make_staple(leaf.certificate);
  start();
  EXPECT_EQ(TlsClient(address()).staple(), answer_);
  const int fetched = requests_;
  EXPECT_EQ(fetched, 1);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(TlsClient(address()).staple(), answer_);
  }
  EXPECT_EQ(requests_, fetched);
}

TEST_F(KeeperTest, StartsFromItsShelfWithoutAResponder) {
  const Identity leaf = add_leaf("one.example", {"http://127.0.0.1:1/"});
  const Buffer staple = make_staple(leaf.certificate);
  put_on_shelf({leaf.certificate}, {staple});
  start();
  EXPECT_EQ(TlsClient(address()).staple(), staple);
}

TEST_F(KeeperTest, StartsInBoundedTimeBesideAHangingResponder) {
  const Upstream hanging([](net::RawClient& peer) { peer.read_to_end(); });
  add_leaf("one.example", {"http://" + hanging.address() + "/"});
  options_.start_wait = Milliseconds(100);
  start();
  TlsClient client(address());
  EXPECT_TRUE(client.is_connected());
  EXPECT_EQ(client.staple(), Buffer{});
  thread_.call([this] { front_.reset(); });  // ends its fetch, and so the hanging peer
  thread_.call([this] { fetcher_.reset(); });
}

}  // namespace
}  // namespace muster::front
