#include "front_fixture.h"
#include "muster/net/http_server.h"
#include "muster/probe/probe.h"
#include "muster/testing/memory_logger.h"

namespace muster::front {
namespace {

using ::testing::ElementsAre;

/// A front with a leaf below an intermediate whose certificate says where to ask.
class FrontChainTest : public FrontTest {
 protected:
  FrontChainTest() {
    const std::string cert = leaf_.write(dir_, "one.example", {ca_.certificate});
    options_.certificates.push_back({cert, cert.substr(0, cert.size() - 3) + "key", ""});
    options_.issuers = {dir_.write("root.pem", standard_pki().root.certificate_pem())};
    options_.tls.staple.chain = tls::ChainStapling::kWhole;
    // Who waited for what is not there would wait for longer than any test.
    options_.start_wait = Milliseconds(86'400'000);
  }
  static Identity make_leaf(const Identity& ca) {
    auto spec = leaf_spec("one.example");
    spec.ocsp_uris = {"http://127.0.0.1:1/"};
    return issue(ca, spec);
  }
  const Identity ca_ = muster::testing::issue_intermediate({"http://127.0.0.1:1/"});
  const Identity leaf_ = make_leaf(ca_);
};

TEST_F(FrontChainTest, ItIsSaidAtTheStartWhatTheLibraryCannotDo) {
  using tls::ChainStapling;
  const auto events_with = [this](ChainStapling chain) {
    options_.tls.staple.chain = chain;
    muster::testing::MemoryLogger logger;
    thread_.call([&] {
      fetcher_ = net::make_fetcher(thread_.loop());
      const auto front = Front::make(thread_.loop(), *fetcher_, clock_, logger, options_, 1);
      EXPECT_TRUE(front) << front.error().detail;
    });
    return logger.events();
  };
  EXPECT_THAT(events_with(ChainStapling::kNone), ::testing::Contains("front.leaf_staples"));
  EXPECT_THAT(events_with(ChainStapling::kMalformed),
              ::testing::Contains("front.malformed_staples"));
  EXPECT_THAT(events_with(ChainStapling::kWhole),
              ::testing::Not(::testing::Contains(::testing::EndsWith("_staples"))));
}

// A stapler that is followed may not keep them, and a library may not take them.
TEST_F(FrontChainTest, NobodyWaitsForTheStaplesOfIntermediates) {
  const Buffer staple = make_staple(leaf_.certificate);
  put_on_shelf({leaf_.certificate}, {staple});
  start();
  EXPECT_EQ(TlsClient(address()).staple(), staple);
}

// req: OCSP-STAP-013
TEST_F(FrontChainTest, IntermediatesAreStapledForWhereTheLibraryCan) {
  const pki::Certificate& root = standard_pki().root.certificate;
  const Buffer own = make_staple(leaf_.certificate);
  muster::testing::ResponseSpec spec;
  spec.entries = {muster::testing::entry_for(ca_.certificate, root)};
  const Buffer above = muster::testing::build_response(standard_pki().root, spec);
  put_on_shelf({leaf_.certificate, ca_.certificate}, {own, above}, {ca_.certificate, root});
  start();
  const std::string to = address();
  probe::ProbeRequest request;
  request.host = "127.0.0.1";
  request.port = static_cast<std::uint16_t>(std::stoul(to.substr(to.rfind(':') + 1)));
  request.server_name = "one.example";
  const auto seen = probe::probe(request);
  ASSERT_TRUE(seen) << seen.error().detail;
  EXPECT_EQ(seen->staple, own);
  ASSERT_EQ(seen->staples.size(), 2U);
  if (tls::chain_stapling() == tls::ChainStapling::kNone) {
    EXPECT_EQ(seen->staples[1], std::nullopt);
    GTEST_SKIP() << "the rest wants OpenSSL 3.6.1 or newer; this is " << tls::library_name();
  }
  EXPECT_EQ(seen->staples[1], above);
  EXPECT_EQ(stats().staples.stapled, 1U);
}

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
