#include "muster/responder/service.h"

#include <gmock/gmock.h>

#include <atomic>
#include <cerrno>
#include <random>
#include <thread>

#include "fixture.h"
#include "muster/net/fetcher.h"
#include "muster/source/load.h"
#include "muster/testing/few_descriptors.h"
#include "muster/testing/memory_logger.h"
#include "muster/testing/temp_dir.h"

namespace muster::responder {
namespace {

/// A service on a free port over a real store.
struct Running {
  explicit Running(unsigned loops = 2, const Policy& policy = {},
                   std::function<std::optional<Milliseconds>()> clock_error = {}) {
    auto opened = store::Store::open(dir.file("store"));
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().detail);
    store = *std::move(opened);
    const pki::Certificate& ca = standard_pki().intermediate.certificate;
    issuer = *store->ensure_issuer(source::make_issuer_key(ca), "test CA");
    spec.store_id = issuer;
    store::IssuerState facts;
    facts.key = source::make_issuer_key(ca);
    facts.label = "test CA";
    facts.knows_issued = store::KnowsIssued::kYes;
    facts.loaded_at = kTestNow;
    EXPECT_TRUE(store->touch(issuer, facts));
    set(standard_pki().leaf.certificate.serial(), store::Status{});
    ServiceOptions options;
    options.listen = {"127.0.0.1:0"};
    options.loops = loops;
    options.clock_error = std::move(clock_error);
    auto started = Service::start(options, setup_of({spec}, policy), *store, clock, null_logger());
    EXPECT_TRUE(started) << (started ? "" : net::to_string(started.error()));
    service = *std::move(started);
  }
  void set(const Serial& serial, const store::Status& status) {
    const store::Change change{serial, status};
    const auto applied = store->apply(issuer, {&change, 1});
    EXPECT_TRUE(applied) << (applied ? "" : applied.error().detail);
  }
  [[nodiscard]] Taken ask(const ocsp::Request& request) const {
    net::FetchRequest fetch;
    fetch.url = "http://" + service->addresses()[0] + "/";
    fetch.post_body = ocsp::encode_request(request);
    fetch.content_type = std::string(ocsp::kRequestMediaType);
    auto got = net::fetch(fetch);
    Taken out;
    EXPECT_TRUE(got) << (got ? "" : got.error().detail);
    if (got) {
      out.body = got->body;
      out.etag = got->etag;
      if (auto parsed = ocsp::parse_response(out.body)) {
        out.parsed = *parsed;
      }
    }
    return out;
  }
  testing::TempDir dir;
  testing::FakeClock clock;
  IssuerSpec spec = delegated_spec();
  std::unique_ptr<store::Store> store;
  store::IssuerId issuer{};
  std::unique_ptr<Service> service;
};

// req: OCSP-RESP-032
TEST(Service, AnswersOverTheNetworkAndFollowsTheStore) {
  Running running;
  EXPECT_EQ(running.service->loops(), 2U);
  EXPECT_TRUE(running.ask(leaf_request()).good());
  running.set(standard_pki().leaf.certificate.serial(),
              revoked_at(kTestNow, ReasonCode::kKeyCompromise));
  for (int i = 0; i < 8; ++i) {  // whichever loop answers
    EXPECT_TRUE(running.ask(leaf_request()).revoked());
  }
  EXPECT_EQ(running.service->totals().revoked, 8U);
}

// req: OCSP-RESP-019
TEST(Service, EveryAnswerNamesItsSignerWhileSignersRotate) {
  Running running;
  std::vector<Identity> signers;
  for (int i = 0; i < 4; ++i) {
    signers.push_back(testing::issue(standard_pki().intermediate,
                                     testing::ocsp_signer_spec("signer " + std::to_string(i))));
  }
  std::atomic<bool> over{false};
  std::atomic<int> asked{0};
  std::thread client([&] {
    while (!over) {
      const Taken taken = running.ask(with_nonce(leaf_request(), 32));
      ASSERT_TRUE(taken.good());
      const auto embedded = pki::Certificate::parse(taken.parsed->basic->certificates.at(0));
      ASSERT_TRUE(embedded);
      EXPECT_TRUE(taken.signed_by(*embedded));
      EXPECT_TRUE(pki::identifies(taken.parsed->basic->responder_id, *embedded));
      ++asked;
    }
  });
  for (int i = 0; i < 40; ++i) {
    IssuerSpec next = running.spec;
    next.signers = {signer_spec(signers[static_cast<std::size_t>(i) % signers.size()])};
    running.service->adopt(setup_of({next}));
    const int seen = asked;
    while (asked == seen) {
      std::this_thread::yield();
    }
  }
  over = true;
  client.join();
}

// req: OCSP-RESP-027
TEST(Service, SendsRequestsOnToAnotherService) {
  Running other;
  Running front;
  IssuerSpec spec = self_spec(standard_pki().root, front.issuer);
  std::vector<std::string> warnings;
  auto setup = Setup::make({spec}, {}, kTestNow, warnings,
                           {{"http://" + other.service->addresses()[0] + "/",
                             {standard_pki().intermediate.certificate},
                             ServiceLocator::kIgnored}});
  ASSERT_TRUE(setup) << setup.error().detail;
  ServiceOptions options;
  options.listen = {"127.0.0.1:0"};
  options.loops = 2;
  auto started = Service::start(options, *setup, *front.store, front.clock, null_logger());
  ASSERT_TRUE(started) << net::to_string(started.error());
  front.service = *std::move(started);
  const Taken direct = other.ask(leaf_request());
  ASSERT_TRUE(direct.good());
  for (int i = 0; i < 6; ++i) {  // whichever loop answers
    EXPECT_EQ(front.ask(leaf_request()).body, direct.body);
  }
  EXPECT_GT(front.service->totals().routed, 0U);
  other.service->stop();
  other.service.reset();
  EXPECT_EQ(front.ask(with_nonce(leaf_request(), 16)).status(), ocsp::ResponseStatus::kTryLater);
}

TEST(Service, AllLoopsHandOutTheSameOctets) {
  Running running(4);
  const Taken first = running.ask(leaf_request());
  for (int i = 0; i < 16; ++i) {
    const Taken next = running.ask(leaf_request());
    EXPECT_EQ(next.body, first.body);
    EXPECT_EQ(next.etag, first.etag);
  }
  EXPECT_EQ(running.service->totals().signatures, 1U);
}

// req: OCSP-RESP-045
TEST(Service, AsksAboutTheClock) {
  Policy policy;
  policy.max_clock_error = Milliseconds(100);
  for (const auto& [error, expected] :
       {std::pair<std::optional<Milliseconds>, bool>{std::nullopt, false},
        {Milliseconds(101), false},
        {Milliseconds(100), true}}) {
    Running running(1, policy, [e = error] { return e; });
    EXPECT_EQ(running.ask(leaf_request()).good(), expected);
  }
}

TEST(Service, StopsTwiceAndLeavesThePort) {
  Running running;
  const std::string address = running.service->addresses()[0];
  running.service->stop();
  running.service->stop();
  running.service.reset();
  ServiceOptions options;
  options.listen = {address};
  options.loops = 2;
  EXPECT_TRUE(Service::start(options, setup_of({running.spec}), *running.store, running.clock,
                             null_logger()));
}

TEST(Service, RefusesMoreLoopsThanThereAreDescriptorsFor) {
  Running running;
  ServiceOptions options;
  options.listen = {"127.0.0.1:0"};
  options.loops = 200;
  const auto refused = [&] {
    const testing::FewDescriptors few(256);
    return Service::start(options, setup_of({running.spec}), *running.store, running.clock,
                          null_logger());
  }();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().os_error, EMFILE);
}

TEST(Service, TakesNoMoreConnectionsThanThereAreDescriptorsFor) {
  Running running;
  ServiceOptions options;
  options.listen = {"127.0.0.1:0", "127.0.0.1:0"};
  options.loops = 2;
  testing::MemoryLogger logger;
  const auto service = [&] {
    const testing::FewDescriptors few(128);
    return Service::start(options, setup_of({running.spec}), *running.store, running.clock, logger);
  }();
  ASSERT_TRUE(service);
  EXPECT_EQ((*service)->http_totals().max_connections, 88U)
      << "a quarter and four a loop are not; each of four servers has 22";
  EXPECT_EQ(logger.count("responder.descriptors"), 1U) << logger.text();
}

TEST(Service, SaysWhenAnAddressIsTaken) {
  Running running;
  ServiceOptions options;
  options.listen = running.service->addresses();
  const auto second = Service::start(options, setup_of({running.spec}), *running.store,
                                     running.clock, null_logger());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, net::NetErrc::kInUse);
}

/// Many readers, one writer, random serials: once the store said that a revocation is durable,
/// nobody may be told good any more.
TEST(Service, NoAnswerIsGoodAfterAnAcknowledgedRevocation) {
  constexpr unsigned kSerials = 64;
  constexpr unsigned kReaders = 3;
  Running running;
  std::mt19937 random(static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed()));
  std::vector<store::Change> all;
  for (unsigned n = 0; n < kSerials; ++n) {
    all.push_back({testing::make_serial(1000 + n), store::Status{}});
  }
  ASSERT_TRUE(running.store->apply(running.issuer, all));
  const auto setup = setup_of({running.spec});
  const auto exchange = std::make_shared<AnswerExchange>(1024);
  std::vector<std::atomic<bool>> revoked(kSerials);  // set after apply() returned
  std::atomic<bool> over{false};
  std::atomic<unsigned> wrong{0};
  std::atomic<std::uint64_t> answers{0};
  std::vector<std::thread> readers;
  for (unsigned r = 0; r < kReaders; ++r) {
    readers.emplace_back([&, seed = random()] {
      std::mt19937 mine(seed);
      Counters counters;
      Answerer answerer(setup, running.store->reader(), counters, exchange);
      while (!over) {
        const unsigned n = mine() % kSerials;
        ocsp::Request request;
        request.requests.push_back(
            {pki::make_cert_id(HashAlgorithm::kSha256, standard_pki().intermediate.certificate,
                               testing::make_serial(1000 + n)),
             {}});
        if (mine() % 16 == 0) {
          request = with_nonce(std::move(request), 16);
        }
        const bool was_revoked = revoked[n];
        const Taken taken = ask(answerer, request);
        wrong += was_revoked && !taken.revoked() ? 1 : 0;
        ++answers;
        if (mine() % 64 == 0) {
          answerer.release();
        }
      }
    });
  }
  std::vector<unsigned> order(kSerials);
  for (unsigned n = 0; n < kSerials; ++n) {
    order[n] = n;
  }
  std::shuffle(order.begin(), order.end(), random);
  for (const unsigned n : order) {
    running.set(testing::make_serial(1000 + n), revoked_at(kTestNow, ReasonCode::kKeyCompromise));
    revoked[n] = true;
    const std::uint64_t seen = answers;
    while (answers < seen + 20) {
      std::this_thread::yield();
    }
  }
  over = true;
  for (std::thread& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(wrong, 0U);
  EXPECT_GT(answers, kSerials * 20U);
}

}  // namespace
}  // namespace muster::responder
