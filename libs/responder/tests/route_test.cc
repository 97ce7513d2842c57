// Requests about certificates of other CAs, sent on to who answers for them.
#include "muster/responder/route.h"

#include <gmock/gmock.h>

#include "fixture.h"
#include "muster/http/get_path.h"
#include "muster/responder/handler.h"

namespace muster::responder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Status = ocsp::ResponseStatus;

constexpr const char* kUrl = "http://other.example/ocsp";
constexpr const char* kLocatorUrl = "http://third.example/";

const pki::Certificate& root() { return standard_pki().root.certificate; }
ocsp::Request foreign_request() {
  return request_for(standard_pki().intermediate.certificate, root());
}
der::Extension locator_of(std::string_view url, bool critical = false) {
  der::Writer access;
  access.sequence([&] {
    access.sequence([&] {
      access.oid(oid::kAdOcsp);
      access.element(der::context_primitive(6), as_bytes(url));
    });
  });
  return {to_buffer(oid::kOcspServiceLocator), critical,
          ocsp::encode_service_locator({root().subject(), access.bytes()})};
}
/// About a CA nobody knows, with a locator.
ocsp::Request located_request(std::string_view url, bool critical = false) {
  static const Identity stranger = testing::make_self_signed(testing::ca_spec("stranger"));
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, stranger.certificate, testing::make_serial(7)),
       {locator_of(url, critical)}});
  return request;
}
std::vector<Route> routes() {
  return {{kUrl, {root()}, ServiceLocator::kIgnored}, {kLocatorUrl, {}, ServiceLocator::kFollowed}};
}
std::shared_ptr<const Setup> routed_setup() {
  std::vector<std::string> warnings;
  auto made = Setup::make({delegated_spec()}, {}, kTestNow, warnings, routes());
  EXPECT_TRUE(made) << (made ? "" : made.error().detail);
  return *made;
}

/// Keeps what is fetched until the test answers.
class FakeFetcher final : public net::FetchService {
 public:
  net::FetchId start(net::FetchRequest request,
                     std::function<void(net::FetchResult)> done) override {
    requests.push_back(std::move(request));
    waiting.push_back(std::move(done));
    return requests.size();
  }
  void cancel(net::FetchId) override { FAIL() << "nobody cancels"; }
  std::vector<net::FetchRequest> requests;
  std::vector<std::function<void(net::FetchResult)>> waiting;
};
struct Sent {
  int count = 0;
  std::string headers;
  Buffer body;
  [[nodiscard]] Status status() const { return ocsp::parse_response(body)->status; }
};
class FakeLater final : public net::LaterReply {
 public:
  explicit FakeLater(Sent& sent) : sent_(sent) {}
  void send_ready(Bytes, std::size_t) override { FAIL() << "not used here"; }
  void send(unsigned, std::string_view type, std::string_view headers, Bytes body) override {
    ++sent_.count;
    sent_.headers = std::string(type) + "\n" + std::string(headers);
    sent_.body = to_buffer(body);
  }

 private:
  Sent& sent_;
};
enum class CanWait : std::uint8_t { kNo, kYes };
class FakeReply final : public net::HttpReply {
 public:
  FakeReply(Sent& sent, CanWait can_wait) : sent_(sent), can_wait_(can_wait) {}
  void send_ready(Bytes octets, std::size_t head_bytes) override {
    ++sent_.count;
    sent_.body = to_buffer(octets.subspan(head_bytes));
  }
  void send(unsigned, std::string_view, std::string_view, Bytes) override {
    FAIL() << "not used here";
  }
  std::unique_ptr<net::LaterReply> defer() override {
    return can_wait_ == CanWait::kYes ? std::make_unique<FakeLater>(sent_) : nullptr;
  }

 private:
  Sent& sent_;
  CanWait can_wait_;
};

struct Site {
  explicit Site(const RouterLimits& limits = {})
      : router(limits, fetcher, world.counters, null_logger()) {
    world.answerer.adopt(routed_setup());
  }
  void ask(const ocsp::Request& request, Sent& sent, CanWait can_wait = CanWait::kYes,
           std::string_view headers = {}) {
    const Buffer octets = ocsp::encode_request(request);
    http::RequestView view;
    view.method = http::Method::kPost;
    view.target = "/";
    view.body = octets;
    view.header_block = headers;
    FakeReply reply(sent, can_wait);
    handler.handle(view, reply);
  }
  World world;
  testing::FakeClock clock;
  FakeFetcher fetcher;
  Router router;
  OcspHandler handler{{}, world.answerer, clock, null_logger(), world.counters, &router};
};
net::FetchResult fetched(Buffer body) {
  net::FetchResponse response;
  response.http_status = 200;
  response.body = std::move(body);
  return response;
}
/// What the other responder would say.
Buffer foreign_answer() {
  World other({self_spec(standard_pki().root)});
  other.store.set(kIssuer, standard_pki().intermediate.certificate.serial(), store::Status{});
  return ask(other.answerer, foreign_request()).body;
}

// req: OCSP-RESP-027
TEST(Routes, RequestsOfAnotherCaAreSentOnAndTheAnswerComesBackUnchanged) {
  Site site;
  Sent sent;
  site.ask(with_nonce(foreign_request(), 16), sent);
  EXPECT_EQ(sent.count, 0) << "nothing is said before the other one spoke";
  ASSERT_EQ(site.fetcher.requests.size(), 1U);
  const net::FetchRequest& fetch = site.fetcher.requests[0];
  EXPECT_EQ(fetch.url, kUrl);
  EXPECT_EQ(fetch.post_body, ocsp::encode_request(with_nonce(foreign_request(), 16)));
  EXPECT_EQ(fetch.content_type, "application/ocsp-request");
  EXPECT_THAT(fetch.headers, ElementsAre(HasSubstr("muster-ocsp")));
  EXPECT_EQ(fetch.max_redirects, 0U) << "nothing but the URL configured is contacted";
  const Buffer answer = foreign_answer();
  site.fetcher.waiting[0](fetched(answer));
  EXPECT_EQ(sent.count, 1);
  EXPECT_EQ(sent.body, answer);
  EXPECT_THAT(sent.headers, HasSubstr("application/ocsp-response"));
  EXPECT_EQ(site.world.counters.routed.value(), 1U);
  EXPECT_EQ(site.world.counters.signatures.value(), 0U);
}

// req: OCSP-RESP-027
TEST(Routes, AServiceLocatorIsFollowedToConfiguredUrlsAlone) {
  for (const bool critical : {false, true}) {
    Site site;
    Sent sent;
    site.ask(located_request(kLocatorUrl, critical), sent);
    ASSERT_EQ(site.fetcher.requests.size(), 1U);
    EXPECT_EQ(site.fetcher.requests[0].url, kLocatorUrl);
    for (const char* elsewhere :
         {"http://169.254.169.254/", kUrl, "http://third.example/x", "http://third.example"}) {
      Sent refused;
      site.ask(located_request(elsewhere, critical), refused);
      EXPECT_EQ(refused.status(), critical ? Status::kMalformedRequest : Status::kUnauthorized)
          << elsewhere;
    }
    EXPECT_EQ(site.fetcher.requests.size(), 1U);
  }
}

TEST(Routes, OwnCertificatesAreAnsweredHereWhateverTheLocatorSays) {
  Site site;
  Sent sent;
  ocsp::Request request = leaf_request();
  request.requests[0].extensions = {locator_of(kLocatorUrl)};
  site.ask(request, sent);
  EXPECT_EQ(sent.status(), Status::kSuccessful);
  EXPECT_TRUE(site.fetcher.requests.empty());
}

TEST(Routes, ARequestGoesToOnePlaceOrNowhere) {
  Site site;
  ocsp::Request mixed = leaf_request();
  mixed.requests.push_back(foreign_request().requests[0]);
  ocsp::Request two_routes = foreign_request();
  two_routes.requests.push_back(located_request(kLocatorUrl).requests[0]);
  for (const ocsp::Request& request : {mixed, two_routes}) {
    Sent sent;
    site.ask(request, sent);
    EXPECT_EQ(sent.status(), Status::kUnauthorized);
  }
  ocsp::Request same = foreign_request();
  same.requests.push_back(same.requests.front());
  Sent sent;
  site.ask(same, sent);
  EXPECT_EQ(site.fetcher.requests.size(), 1U);
}

TEST(Routes, WhatIsNoAnswerBecomesTryLater) {
  Site site;
  const net::FetchResult failures[] = {
      Err{net::FetchError{net::FetchErrc::kTimeout, "too slow", 0, {}}},
      fetched(to_buffer(as_bytes("<html>"))), fetched({})};
  for (const net::FetchResult& failure : failures) {
    Sent sent;
    site.ask(foreign_request(), sent);
    site.fetcher.waiting.back()(failure);
    EXPECT_EQ(sent.status(), Status::kTryLater);
    EXPECT_THAT(sent.headers, HasSubstr("no-store"));
  }
  EXPECT_EQ(site.world.counters.route_failures.value(), 3U);
}

TEST(Routes, AreBoundedAndFreeTheirPlacesAgain) {
  RouterLimits limits;
  limits.max_in_flight = 2;
  Site site(limits);
  std::array<Sent, 4> sent;
  for (std::size_t i = 0; i < 3; ++i) {
    site.ask(foreign_request(), sent[i]);
  }
  EXPECT_EQ(sent[2].status(), Status::kTryLater);
  site.fetcher.waiting[0](fetched(foreign_answer()));
  site.ask(foreign_request(), sent[3]);
  EXPECT_EQ(sent[3].count, 0) << "on its way";
}

TEST(Routes, DoNotRunInCirclesNorWhereNobodyCanWait) {
  Site site;
  for (const char* via : {"Via: 1.1 muster-ocsp\r\n", "Via: 1.1 muster-ocsp, 1.1 proxy\r\n",
                          "Via: 1.1 a\r\nvia: 1.1 muster-ocsp\r\n"}) {
    Sent circle;
    site.ask(foreign_request(), circle, CanWait::kYes, via);
    EXPECT_EQ(circle.status(), Status::kTryLater) << via;
  }
  Sent now;
  site.ask(foreign_request(), now, CanWait::kNo);
  EXPECT_EQ(now.status(), Status::kTryLater);
  EXPECT_TRUE(site.fetcher.requests.empty());
}

TEST(Routes, OutliveNothingTheyNeed) {
  FakeFetcher fetcher;
  Counters counters;
  Sent sent;
  {
    Router router({}, fetcher, counters, null_logger());
    router.send_on(kUrl, as_bytes("x"), std::make_unique<FakeLater>(sent));
  }
  fetcher.waiting[0](fetched(foreign_answer()));
  EXPECT_EQ(sent.count, 0) << "the router is gone";
}

TEST(Routes, ThatMakeNoSenseAreRefusedWhenLoaded) {
  const Route wrong[] = {
      {"ftp://x/", {root()}, ServiceLocator::kIgnored},
      {"http://user@x/", {root()}, ServiceLocator::kIgnored},
      {kUrl, {}, ServiceLocator::kIgnored},
      {kUrl, {standard_pki().intermediate.certificate}, ServiceLocator::kIgnored},
      {kUrl, {root(), root()}, ServiceLocator::kIgnored}};
  for (const Route& route : wrong) {
    std::vector<std::string> warnings;
    const auto made = Setup::make({delegated_spec()}, {}, kTestNow, warnings, {route});
    ASSERT_FALSE(made) << route.url;
    EXPECT_EQ(made.error().code, SetupErrc::kBadPolicy);
    EXPECT_THAT(made.error().detail, HasSubstr("route " + route.url));
  }
}

TEST(Routes, AreExplained) {
  World world;
  world.answerer.adopt(routed_setup());
  const Explanation out = world.answerer.explain(ocsp::encode_request(foreign_request()), kTestNow);
  EXPECT_EQ(out.cause, Cause::kRouted);
  EXPECT_THAT(out.why, HasSubstr(kUrl));
}

}  // namespace
}  // namespace muster::responder
