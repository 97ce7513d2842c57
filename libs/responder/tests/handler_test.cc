#include "muster/responder/handler.h"

#include <gmock/gmock.h>

#include <numeric>

#include "fixture.h"
#include "muster/http/base64.h"
#include "muster/http/get_path.h"
#include "muster/testing/memory_logger.h"
#include "signed_request.h"

namespace muster::responder {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// What was sent for one request.
class Captured final : public net::HttpReply {
 public:
  void send_ready(Bytes octets, std::size_t head_bytes) override {
    ++sent;
    head = std::string(as_text(octets.first(head_bytes)));
    body = to_buffer(octets.subspan(head_bytes));
  }
  void send(unsigned status, std::string_view type, std::string_view headers,
            Bytes content) override {
    ++sent;
    head = "HTTP/1.1 " + std::to_string(status) + "\r\nContent-Type: " + std::string(type) +
           "\r\n" + std::string(headers);
    body = to_buffer(content);
  }
  int sent = 0;
  std::string head;
  Buffer body;
  [[nodiscard]] std::optional<ocsp::ResponseStatus> ocsp_status() const {
    const auto parsed = ocsp::parse_response(body);
    return parsed ? std::optional(parsed->status) : std::nullopt;
  }
};

struct Site {
  explicit Site(const std::string& prefix = "/", std::size_t max_request = 65536,
                const IssuerSpec& spec = delegated_spec())
      : world({spec}),
        handler({.prefix = prefix,
                 .max_request_bytes = max_request,
                 .refusal_log_interval = Seconds(10)},
                world.answerer, clock, logger, world.counters) {}
  World world;
  testing::FakeClock clock;
  testing::MemoryLogger logger;
  OcspHandler handler;
  IpAddress peer;

  Captured ask(http::Method method, std::string_view target, Bytes body = {},
               std::string_view if_none_match = {}) {
    http::RequestView request;
    request.method = method;
    request.target = target;
    request.body = body;
    request.if_none_match = if_none_match;
    request.content_type = "text/plain";
    request.peer = peer;
    Captured captured;
    handler.handle(request, captured);
    EXPECT_EQ(captured.sent, 1);
    return captured;
  }
  Captured get(const std::string& target) { return ask(http::Method::kGet, target); }
};

Buffer leaf_octets() { return ocsp::encode_request(leaf_request()); }
std::string escaped() { return http::encode_get_tail(leaf_octets()); }

// req: OCSP-RESP-032 OCSP-RESP-080
TEST(OcspHandler, GetAndPostGiveTheSameAnswer) {
  Site site;
  const Captured get = site.get("/" + escaped());
  const Captured post = site.ask(http::Method::kPost, "/any/path", leaf_octets());
  EXPECT_EQ(get.ocsp_status(), ocsp::ResponseStatus::kSuccessful);
  EXPECT_EQ(get.head, post.head);
  EXPECT_EQ(get.body, post.body);
}

TEST(OcspHandler, CountsHowLongAnswersTake) {
  Site site;
  site.get("/" + escaped());
  site.get("/not base64");
  site.get("/");  // the landing page is no answer
  const DurationCounts counts = site.world.counters.durations.read();
  EXPECT_EQ(std::accumulate(counts.counts.begin(), counts.counts.end(), std::uint64_t{0}), 2U);
}

TEST(ChangeNotice, GoesToWhoeverIsFirstBehindAChange) {
  ChangeNotice notice;
  EXPECT_EQ(notice.take_first_use(), std::nullopt);
  notice.acknowledge(MonotonicTime(Seconds(5)));
  notice.acknowledge(MonotonicTime(Seconds(7)));
  EXPECT_EQ(notice.take_first_use(), MonotonicTime(Seconds(7))) << "of the newest";
  EXPECT_EQ(notice.take_first_use(), std::nullopt);
}

// req: OCSP-RESP-081 OCSP-RESP-051
TEST(OcspHandler, PostAnswersCarryValidatorsButNoContentLocation) {
  Site site;
  const Captured post = site.ask(http::Method::kPost, "/", leaf_octets());
  EXPECT_THAT(post.head, HasSubstr("ETag: \""));
  EXPECT_THAT(post.head, Not(HasSubstr("Content-Location")));
  EXPECT_THAT(post.head, Not(HasSubstr("no-store")));
  EXPECT_THAT(post.head, Not(HasSubstr("no-cache")));
}

// req: OCSP-RESP-075 OCSP-RESP-076 OCSP-RESP-077
TEST(OcspHandler, TakesEverySpellingOfAGet) {
  Site site("/ocsp");
  const std::string raw = http::base64_encode(leaf_octets());
  std::string url = raw;
  std::replace(url.begin(), url.end(), '+', '-');
  std::replace(url.begin(), url.end(), '/', '_');
  std::string lower = escaped();
  for (std::size_t at = 0; (at = lower.find('%', at)) != std::string::npos; ++at) {
    lower[at + 1] = static_cast<char>(std::tolower(lower[at + 1]));
    lower[at + 2] = static_cast<char>(std::tolower(lower[at + 2]));
  }
  const std::string unpadded = raw.substr(0, raw.find('='));
  const Buffer expected = site.get("/ocsp/" + escaped()).body;
  for (const std::string& tail : {raw, url, lower, unpadded, "/" + raw}) {
    EXPECT_EQ(site.get("/ocsp/" + tail).body, expected) << tail;
  }
  std::string doubled = escaped();
  for (std::size_t at = 0; (at = doubled.find('%', at)) != std::string::npos; at += 3) {
    doubled.replace(at, 1, "%25");
  }
  for (const std::string& tail : {"!" + raw, raw + "%0A", doubled}) {
    EXPECT_EQ(site.get("/ocsp/" + tail).ocsp_status(), ocsp::ResponseStatus::kMalformedRequest)
        << tail;
  }
}

// req: OCSP-RESP-033 OCSP-RESP-079
/// Cache busters add a query; base64 has no '?'.
TEST(OcspHandler, CutsAndCountsAQueryString) {
  Site site;
  const Captured plain = site.get("/" + escaped());
  const Captured queried = site.get("/" + escaped() + "?x=1&y=/z");
  EXPECT_EQ(queried.body, plain.body);
  EXPECT_EQ(queried.ocsp_status(), ocsp::ResponseStatus::kSuccessful);
  EXPECT_EQ(site.get("/" + escaped() + "?").body, plain.body);
  EXPECT_EQ(site.world.counters.get.value(), 3U);
  EXPECT_EQ(site.world.counters.get_queries.value(), 2U);
  EXPECT_EQ(site.get("/" + escaped() + "%3Fx").ocsp_status(),
            ocsp::ResponseStatus::kMalformedRequest)
      << "an escaped one is no query";
  EXPECT_THAT(site.get("/?x").head, HasSubstr("200")) << "the landing page";
}

TEST(OcspHandler, ErrorsTravelWithHttp200AndTheOcspType) {
  Site site;
  site.world.store.states.clear();
  ++site.world.store.sequence;
  const Buffer foreign = ocsp::encode_request(
      request_for(standard_pki().intermediate.certificate, standard_pki().root.certificate));
  const Captured answers[] = {site.ask(http::Method::kPost, "/", as_bytes("junk")),
                              site.ask(http::Method::kPost, "/", leaf_octets()),
                              site.ask(http::Method::kPost, "/", foreign)};
  const ocsp::ResponseStatus expected[] = {ocsp::ResponseStatus::kMalformedRequest,
                                           ocsp::ResponseStatus::kTryLater,
                                           ocsp::ResponseStatus::kUnauthorized};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(answers[i].ocsp_status(), expected[i]);
    EXPECT_THAT(answers[i].head, HasSubstr("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answers[i].head, HasSubstr("Content-Type: application/ocsp-response\r\n"));
    EXPECT_THAT(answers[i].head, HasSubstr("Content-Length: 5\r\n"));
    EXPECT_THAT(answers[i].head, HasSubstr("Cache-Control: no-store\r\n"));
    EXPECT_EQ(answers[i].body.size(), 5U);
  }
}

// req: OCSP-RESP-080
TEST(OcspHandler, RefusesOtherMethodsWithAllow) {
  Site site;
  const Captured captured = site.ask(http::Method::kOther, "/");
  EXPECT_THAT(captured.head, HasSubstr("HTTP/1.1 405"));
  EXPECT_THAT(captured.head, HasSubstr("Allow: GET, HEAD, POST\r\n"));
}

// req: OCSP-RESP-080
TEST(OcspHandler, AnswersConditionalRequestsWith304) {
  Site site;
  const Captured full = site.get("/" + escaped());
  const std::size_t at = full.head.find("ETag: ") + 6;
  const std::string etag = full.head.substr(at, 66);
  for (const std::string& condition : {etag, "\"x\", W/" + etag, std::string("*")}) {
    const Captured captured = site.ask(http::Method::kGet, "/" + escaped(), {}, condition);
    EXPECT_THAT(captured.head, HasSubstr("HTTP/1.1 304 Not Modified\r\n")) << condition;
    EXPECT_THAT(captured.head, HasSubstr(etag));
    EXPECT_TRUE(captured.body.empty());
  }
  EXPECT_THAT(site.ask(http::Method::kGet, "/" + escaped(), {}, "\"x\"").head, HasSubstr("200 OK"));
  // The certificate was revoked meanwhile: a cache must not be told that its copy still stands.
  site.world.store.set(kIssuer, standard_pki().leaf.certificate.serial(), revoked_at(kTestNow));
  EXPECT_THAT(site.ask(http::Method::kGet, "/" + escaped(), {}, etag).head, HasSubstr("200 OK"));
  EXPECT_THAT(site.ask(http::Method::kPost, "/", leaf_octets(), "*").head, HasSubstr("200 OK"));
}

TEST(OcspHandler, HeadIsHandledAsGet) {
  Site site;
  EXPECT_EQ(site.ask(http::Method::kHead, "/" + escaped()).head, site.get("/" + escaped()).head);
}

TEST(OcspHandler, VisitorsGetSomethingHarmless) {
  Site site("/ocsp");
  EXPECT_THAT(site.get("/ocsp/").head, HasSubstr("HTTP/1.1 200"));
  EXPECT_THAT(site.get("/ocsp").head, HasSubstr("text/plain"));
  EXPECT_THAT(site.get("/elsewhere").head, HasSubstr("HTTP/1.1 404"));
  EXPECT_THAT(site.get("/ocspx/" + escaped()).head, HasSubstr("HTTP/1.1 404"));
}

// req: OCSP-RESP-078
TEST(OcspHandler, BoundsADecodedGet) {
  Site site("/", 100);
  EXPECT_EQ(site.get("/" + http::encode_get_tail(Buffer(101, 0x30))).ocsp_status(),
            ocsp::ResponseStatus::kMalformedRequest);
  EXPECT_EQ(site.world.counters.refused[static_cast<std::size_t>(Cause::kBadEncoding)].value(), 1U);
}

TEST(OcspHandler, LogsTheReasonOfRefusalsSampled) {
  Site site;
  for (int i = 0; i < 100; ++i) {
    site.ask(http::Method::kPost, "/", as_bytes("junk"));
  }
  ASSERT_EQ(site.logger.lines().size(), 1U);
  EXPECT_THAT(site.logger.lines()[0], HasSubstr("cause=bad_request"));
  EXPECT_THAT(site.logger.lines()[0], HasSubstr("4 octets"));
  site.get("/!!!");  // another cause has its own sample
  ASSERT_EQ(site.logger.lines().size(), 2U);
  EXPECT_THAT(site.logger.lines()[1], HasSubstr("cause=bad_encoding"));
  site.clock.advance(Seconds(11));
  site.ask(http::Method::kPost, "/", as_bytes("junk"));
  ASSERT_EQ(site.logger.lines().size(), 3U);
  EXPECT_THAT(site.logger.lines()[2], HasSubstr("more_since_last=99"));
}

/// Of a refusal because of who asks, the line says who.
TEST(OcspHandler, LogsWhoWasRefused) {
  IssuerSpec spec = signing_spec(RequestSignatures::kVerified);
  spec.policy.clients = {*IpNetwork::parse("192.0.2.0/24")};
  spec.policy.request_signatures = RequestSignatures::kRequired;
  spec.policy.requestors = {"CN=somebody else"};
  Site site("/", 65536, spec);
  const auto line = [&site](const char* peer, const Buffer& octets) {
    site.peer = *IpAddress::parse(peer);
    site.ask(http::Method::kPost, "/", octets);
    return site.logger.lines().back();
  };
  EXPECT_THAT(line("198.51.100.7", leaf_octets()),
              AllOf(HasSubstr("cause=client_refused"), HasSubstr("client=198.51.100.7"),
                    HasSubstr("issuer=test CA"), HasSubstr("requestor=-")));
  EXPECT_THAT(line("192.0.2.7", signed_request({})),
              AllOf(HasSubstr("cause=requestor_refused"), HasSubstr("client=192.0.2.7"),
                    HasSubstr("CN=alice.example is not among requestors")));
  EXPECT_THAT(line("192.0.2.8", signed_request({.key = &standard_pki().leaf.key})),
              AllOf(HasSubstr("cause=bad_signature"), HasSubstr("CN=alice.example: ")));
  EXPECT_THAT(
      line("192.0.2.9", signed_request({.who = &mallory(),
                                        .certificates = {to_buffer(mallory().certificate.der())}})),
      AllOf(HasSubstr("cause=no_path"), HasSubstr("CN=mallory.example: ")));
  EXPECT_THAT(line("192.0.2.10", Buffer(4, 0x7a)),
              AllOf(HasSubstr("cause=bad_request"), HasSubstr("client=192.0.2.10"),
                    HasSubstr("requestor=-")))
      << "nobody is named whom an earlier request named";
}

/// Two loops of one responder write one line, not one each.
TEST(OcspHandler, SharesSamplesWithOtherLoops) {
  World world;
  testing::FakeClock clock;
  testing::MemoryLogger logger;
  const HandlerOptions options{.log_samples = std::make_shared<SharedLogSamples>()};
  OcspHandler first(options, world.answerer, clock, logger, world.counters);
  OcspHandler second(options, world.answerer, clock, logger, world.counters);
  http::RequestView request;
  request.method = http::Method::kPost;
  request.target = "/";
  request.body = as_bytes("junk");
  Captured reply;
  first.handle(request, reply);
  second.handle(request, reply);
  EXPECT_EQ(logger.lines().size(), 1U);
  clock.advance(Seconds(11));
  second.handle(request, reply);
  ASSERT_EQ(logger.lines().size(), 2U);
  EXPECT_THAT(logger.lines()[1], HasSubstr("more_since_last=1"));
}

TEST(OcspHandler, LogsQuestionsAboutSerialsNeverIssuedSampled) {
  Site site;
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, standard_pki().intermediate.certificate,
                         testing::make_serial(0xfeed)),
       {}});
  const Buffer octets = ocsp::encode_request(request);
  for (int i = 0; i < 50; ++i) {
    site.ask(http::Method::kPost, "/", octets);
  }
  ASSERT_EQ(site.logger.lines().size(), 1U);
  EXPECT_THAT(site.logger.lines()[0], HasSubstr("responder.unissued"));
  EXPECT_THAT(site.logger.lines()[0], HasSubstr("issuer=test CA"));
  EXPECT_THAT(site.logger.lines()[0], HasSubstr("feed"));
  site.clock.advance(Seconds(11));
  site.ask(http::Method::kPost, "/", octets);
  EXPECT_THAT(site.logger.lines().back(), HasSubstr("more_since_last=49"));
}

TEST(ClientOf, BelievesTrustedProxiesAlone) {
  const std::vector<IpNetwork> proxies = {*IpNetwork::parse("10.0.0.0/8"),
                                          *IpNetwork::parse("unix")};
  const auto client = [&](const char* peer, const char* header) {
    http::RequestView request;
    request.peer = IpAddress::parse(peer).value_or(IpAddress());
    request.header_block = header;
    return client_of(request, proxies).address.text();
  };
  EXPECT_EQ(client("192.0.2.1", "X-Forwarded-For: 203.0.113.9\r\n"), "192.0.2.1")
      << "anybody may send the header";
  EXPECT_EQ(client("10.0.0.1", "X-Forwarded-For: 203.0.113.9\r\n"), "203.0.113.9");
  EXPECT_EQ(client("", "X-Forwarded-For: 203.0.113.9\r\n"), "203.0.113.9");
  EXPECT_EQ(client("10.0.0.1", "X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.1.1.1\r\n"),
            "203.0.113.9");
  EXPECT_EQ(client("10.0.0.1", "X-Forwarded-For: 6.6.6.6, nonsense\r\n"), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", ""), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", "X-Forwarded-For: 10.0.0.7\r\n"), "10.0.0.7");
  EXPECT_EQ(
      client("10.0.0.1", "X-Forwarded-For: 6.6.6.6\r\nHost: x\r\nx-forwarded-for: 203.0.113.9\r\n"),
      "203.0.113.9")
      << "a proxy that adds a line of its own: the first one is the client's invention";
  EXPECT_EQ(
      client("10.0.0.1", "X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\nX-Forwarded-For: 10.1.1.1\r\n"),
      "203.0.113.9");
  EXPECT_EQ(client("10.0.0.1", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For:\r\n"), "10.0.0.1");
}

}  // namespace
}  // namespace muster::responder
