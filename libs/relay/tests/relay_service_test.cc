#include "muster/relay/relay_service.h"

#include <gmock/gmock.h>

#include <cerrno>

#include "muster/client/verify.h"
#include "muster/http/get_path.h"
#include "muster/testing/fault_responder.h"
#include "muster/testing/few_descriptors.h"
#include "muster/testing/memory_logger.h"
#include "muster/testing/response_builder.h"
#include "net_testing.h"

// Relays with sockets, in front of a responder that counts and misbehaves. Real time.
namespace muster::relay {
namespace {

using testing::Fault;
using testing::FaultResponder;
using ::testing::HasSubstr;
using ::testing::Not;

/// A CA, its responder, and relays for it.
class RelayServiceTest : public ::testing::Test {
 protected:
  using Service = std::unique_ptr<RelayService>;

  [[nodiscard]] std::shared_ptr<const RelaySetup> setup(std::vector<std::string> urls) const {
    return *make_relay_setup({{"ca", ca, std::move(urls)}}, {}, {HashAlgorithm::kSha1});
  }
  Service start(const std::string& directory, const std::string& asked,
                const std::function<void(RelayOptions&)>& change = {}) {
    RelayOptions options;
    options.listen = {"127.0.0.1:0"};
    options.loops = 2;
    options.directory = directory.empty() ? directory : dir.file(directory);
    if (change) {
      change(options);
    }
    auto started = RelayService::start(options, setup({asked}), clock, null_logger());
    EXPECT_TRUE(started) << (started ? "" : started.error().detail);
    return *std::move(started);
  }
  static std::string url(const Service& relay) { return "http://" + relay->addresses()[0] + "/"; }
  [[nodiscard]] Buffer request(std::uint64_t serial,
                               HashAlgorithm hash = HashAlgorithm::kSha1) const {
    return client::build_request(subject(serial), ca, {.hash = hash});
  }
  [[nodiscard]] ocsp::Request ask_about(const std::vector<std::uint64_t>& serials) const {
    ocsp::Request out;
    for (const std::uint64_t serial : serials) {
      out.requests.push_back(
          {pki::make_cert_id(HashAlgorithm::kSha1, ca, testing::make_serial(serial)), {}});
    }
    return out;
  }
  [[nodiscard]] client::Subject subject(std::uint64_t serial) const {
    return {ca, testing::make_serial(serial)};
  }
  static Buffer post(const Service& relay, const Buffer& body) {
    net::FetchRequest fetch;
    fetch.url = url(relay);
    fetch.post_body = body;
    const auto got = net::fetch(fetch);
    EXPECT_TRUE(got) << (got ? "" : got.error().detail);
    return got ? got->body : Buffer();
  }
  /// "good", "revoked", "unknown", or what an unsigned answer says, or why it is none.
  [[nodiscard]] std::string judge(const Buffer& answer, std::uint64_t serial) const {
    const auto verified = client::verify({answer, subject(serial), ca, std::nullopt, {}},
                                         client::VerifyPolicy(), clock.now());
    if (verified) {
      return std::string(ocsp::to_string(verified->status()));
    }
    return verified.error().response_status
               ? std::string(ocsp::to_string(*verified.error().response_status))
               : verified.error().detail;
  }
  [[nodiscard]] std::string says(const Service& relay, std::uint64_t serial) const {
    return judge(post(relay, request(serial)), serial);
  }

  SystemClock clock;
  testing::TestPki pki = testing::make_pki(SystemClock().now());
  const pki::Certificate& ca = pki.intermediate.certificate;
  FaultResponder upstream{pki.ocsp_signer, ca};
  testing::TempDir dir;
};

TEST_F(RelayServiceTest, TellsCachesHowLongAndAnswersConditionalRequests) {
  const Service relay = start("", upstream.url());
  const std::string target = "/" + http::encode_get_tail(request(1));
  net::RawClient client(relay->addresses()[0]);
  const auto get = [&](const std::string& more) {
    client.send("GET " + target + " HTTP/1.1\r\nHost: relay\r\n" + more + "\r\n");
    return client.read_answer();
  };
  const std::string first = get("");
  EXPECT_THAT(first, HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(first, HasSubstr("Content-Type: application/ocsp-response\r\n"));
  EXPECT_THAT(first, HasSubstr("Last-Modified: "));
  EXPECT_THAT(first, HasSubstr("Expires: "));
  EXPECT_THAT(first, HasSubstr("public, no-transform, must-revalidate"));
  const std::size_t age = first.find("max-age=");
  ASSERT_NE(age, std::string::npos) << first;
  EXPECT_LE(std::stol(first.substr(age + 8)), 3600) << "no longer than the answer";
  const std::size_t etag = first.find("ETag: ");
  ASSERT_NE(etag, std::string::npos) << first;
  const std::string tag = first.substr(etag + 6, first.find("\r\n", etag) - etag - 6);
  const std::string second = get("If-None-Match: " + tag + "\r\n");
  EXPECT_THAT(second, HasSubstr("HTTP/1.1 304 Not Modified\r\n"));
  EXPECT_THAT(second, HasSubstr(tag));
  EXPECT_THAT(get("If-None-Match: \"other\"\r\n"), HasSubstr("HTTP/1.1 200 OK\r\n"));
  const HandlerTotals totals = relay->totals();
  EXPECT_EQ(totals.get, 3U);
  EXPECT_EQ(totals.not_modified, 1U);
  EXPECT_EQ(totals.endings[static_cast<std::size_t>(Ending::kFetched)], 1U);
  EXPECT_EQ(totals.endings[static_cast<std::size_t>(Ending::kHeld)], 2U);
  EXPECT_EQ(upstream.requests(), 1U);
}

TEST_F(RelayServiceTest, ErrorsAreForNobodyToKeepAndCountedByTheirReason) {
  upstream.set(Fault::kHttp500);
  const Service relay =
      start("", upstream.url(), [](RelayOptions& options) { options.handler.max_cert_ids = 1; });
  const Buffer stranger = client::build_request(
      client::Subject(pki.root.certificate, testing::make_serial(1)), pki.root.certificate, {});
  ocsp::Request critical = ask_about({1});
  critical.extensions.push_back(testing::unknown_extension(true));
  struct Case {
    std::string what;
    std::string request;
    std::string said;
    std::optional<Ending> ending;
  };
  const auto posted = [](const Buffer& body) {
    return "POST /x HTTP/1.1\r\nHost: r\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string(as_text(body));
  };
  const auto error = [](ocsp::ResponseStatus status) {
    return std::string(as_text(ocsp::encode_error_response(status)));
  };
  const Case cases[] = {
      {"upstream down", posted(request(1)), error(ocsp::ResponseStatus::kTryLater),
       Ending::kUnavailable},
      {"another issuer", posted(stranger), error(ocsp::ResponseStatus::kUnauthorized),
       Ending::kNotAllowed},
      {"two CertIDs", posted(ocsp::encode_request(ask_about({1, 2}))),
       error(ocsp::ResponseStatus::kUnauthorized), Ending::kTooMany},
      {"critical", posted(ocsp::encode_request(critical)),
       error(ocsp::ResponseStatus::kUnauthorized), Ending::kUnsupported},
      {"junk", posted(Buffer(20, 1)), error(ocsp::ResponseStatus::kMalformedRequest),
       Ending::kMalformed},
      {"no base64", "GET /*** HTTP/1.1\r\nHost: r\r\n\r\n",
       error(ocsp::ResponseStatus::kMalformedRequest), Ending::kMalformed},
      {"landing", "GET / HTTP/1.1\r\nHost: r\r\n\r\n", "This is an OCSP relay.\n", std::nullopt},
      {"method", "PUT / HTTP/1.1\r\nHost: r\r\nContent-Length: 0\r\n\r\n",
       "Only GET, HEAD and POST.\n", std::nullopt},
  };
  for (const Case& c : cases) {
    const HandlerTotals before = relay->totals();
    net::RawClient client(relay->addresses()[0]);
    client.send(c.request);
    const std::string answer = client.read_answer();
    const HandlerTotals after = relay->totals();
    for (std::size_t i = 0; i < kEndings; ++i) {
      const bool is_its = c.ending == static_cast<Ending>(i);
      EXPECT_EQ(after.endings[i], before.endings[i] + (is_its ? 1U : 0U)) << c.what << i;
    }
    EXPECT_TRUE(answer.ends_with("\r\n\r\n" + c.said)) << c.what << ": " << answer;
    EXPECT_THAT(answer, HasSubstr("Cache-Control: no-store\r\n")) << c.what;
    EXPECT_THAT(answer, Not(HasSubstr("ETag"))) << c.what;
  }
}

TEST_F(RelayServiceTest, NothingThatDoesNotVerifyIsHandedOut) {
  for (const Fault fault : testing::all_faults()) {
    upstream.set(fault);
    const bool hangs =
        fault == Fault::kHangs || fault == Fault::kHangsInBody || fault == Fault::kDrips;
    const Service relay = start("", upstream.url(), [hangs](RelayOptions& o) {
      o.engine.transport.total_timeout = Milliseconds(hangs ? 300 : 20'000);
      o.engine.limits.max_wait = Milliseconds(20'000);
    });
    const std::string said = says(relay, 1);
    if (fault == Fault::kRevoked || fault == Fault::kUnknown) {
      EXPECT_EQ(said, to_string(fault));
    } else if (testing::is_harmless(fault)) {
      EXPECT_EQ(said, "good") << to_string(fault);
    } else if (fault == Fault::kUnauthorized) {
      EXPECT_EQ(said, "unauthorized");
    } else {
      EXPECT_TRUE(said == "tryLater" || said == "good") << to_string(fault) << ": " << said;
    }
    upstream.set(Fault::kNone);
  }
}

TEST_F(RelayServiceTest, ThreeRelaysMakeOneRequestForEachCertificate) {
  const Service near = start("near", upstream.url());
  const Service one = start("one", url(near));
  const Service two = start("two", url(near));
  constexpr std::uint64_t kCertificates = 10;
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  for (const Service* relay : {&near, &one, &two}) {
    clients.emplace_back([&, relay] {
      for (std::uint64_t serial = 1; serial <= kCertificates; ++serial) {
        good += says(*relay, serial) == "good" ? 1 : 0;
      }
    });
  }
  for (std::thread& client : clients) {
    client.join();
  }
  EXPECT_EQ(good, 30);
  EXPECT_EQ(upstream.requests(), kCertificates);
  // What came through a relay outlives both it and the responder.
  upstream.set(Fault::kAbsent);
  near->stop();
  EXPECT_EQ(says(one, 3), "good");
  EXPECT_EQ(says(two, 7), "good");
  EXPECT_EQ(says(two, kCertificates + 1), "tryLater");
}

TEST_F(RelayServiceTest, RelaysThatNameEachOtherDoNotAskInCircles) {
  const Service one = start("", "http://127.0.0.1:1/");
  const Service two = start("", url(one));
  one->adopt(setup({url(two)}));
  ASSERT_TRUE(net::eventually([&] {
    // Each question with a serial of its own, until the one that goes round.
    static std::uint64_t serial = 100;
    EXPECT_EQ(says(one, ++serial), "tryLater");
    return one->totals().endings[static_cast<std::size_t>(Ending::kLoop)] > 0;
  }));
}

TEST_F(RelayServiceTest, RefusesMoreLoopsThanThereAreDescriptorsFor) {
  RelayOptions options;
  options.listen = {"127.0.0.1:0"};
  options.loops = 200;
  const auto refused = [&] {
    const testing::FewDescriptors few(256);
    return RelayService::start(options, setup({upstream.url()}), clock, null_logger());
  }();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().address.os_error, EMFILE);
}

TEST_F(RelayServiceTest, TakesNoMoreConnectionsThanThereAreDescriptorsFor) {
  RelayOptions options;
  options.listen = {"127.0.0.1:0"};
  options.loops = 2;
  testing::MemoryLogger logger;
  const auto relay = [&] {
    const testing::FewDescriptors few(128);
    return RelayService::start(options, setup({upstream.url()}), clock, logger);
  }();
  ASSERT_TRUE(relay);
  EXPECT_EQ((*relay)->http_totals().max_connections, 88U) << "a quarter and four a loop are not";
  EXPECT_EQ(logger.count("relay.descriptors"), 1U) << logger.text();
}

TEST_F(RelayServiceTest, RestartsWithTheUpstreamDownAndFillsUpAgain) {
  {
    const Service relay = start("kept", upstream.url());
    EXPECT_EQ(says(relay, 1), "good");
  }
  upstream.set(Fault::kAbsent);
  const Service relay = start("kept", upstream.url());
  EXPECT_EQ(says(relay, 1), "good");
  EXPECT_EQ(says(relay, 2), "tryLater");
  const auto second = RelayService::start(
      [&] {
        RelayOptions options;
        options.listen = {"127.0.0.1:0"};
        options.directory = dir.file("kept");
        return options;
      }(),
      setup({upstream.url()}), clock, null_logger());
  ASSERT_FALSE(second) << "two relays over one directory";
  EXPECT_EQ(second.error().code, RelayErrc::kDirectory);
}

TEST(RelayVia, NamesRelaysAndNoticesCircles) {
  struct Case {
    std::string headers;
    std::string relays;  ///< empty: none
    bool is_loop = false;
  };
  std::string many;
  for (std::size_t i = 0; i <= kMaxRelays; ++i) {
    many += "Via: 1.1 muster-relay-" + std::to_string(i) + "\r\n";
  }
  const Case cases[] = {
      {"", ""},
      {"Via: 1.1 cache.example (squid)\r\n", ""},
      {"Via: 1.1 muster-relay-aa\r\n", "1.1 muster-relay-aa"},
      {"Via: 1.1 muster-relay-aa, 1.0 proxy\r\nVia: 1.1 muster-relay-bb (x)\r\n",
       "1.1 muster-relay-aa, 1.1 muster-relay-bb"},
      {"Via: 1.1 muster-relay-own\r\n", "", true},
      {"Via: 1.1 muster-relay-aa, 1.1 muster-relay-own\r\n", "", true},
      {many, "", true},
      {"Via: 1.1 muster-relay-" + std::string(500, 'a') + "\r\n",
       "1.1 muster-relay-" + std::string(16, 'a')},
  };
  for (const Case& c : cases) {
    http::RequestView request;
    request.header_block = c.headers;
    const auto via = read_via(request, "muster-relay-own");
    ASSERT_EQ(!via, c.is_loop) << c.headers;
    if (via) {
      EXPECT_EQ(*via, c.relays) << c.headers;
    }
  }
}

}  // namespace
}  // namespace muster::relay
