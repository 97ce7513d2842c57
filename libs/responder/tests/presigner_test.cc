#include "presigner.h"

#include <memory>

#include "ahead_file.h"
#include "fixture.h"
#include "muster/source/load.h"
#include "muster/testing/eventually.h"
#include "muster/testing/temp_dir.h"

namespace muster::responder {
namespace {

using testing::eventually;

constexpr unsigned kSerials = 300;

struct Running {
  explicit Running(const std::string& store_path, PresignOptions options = {},
                   std::size_t queue = Presigner::kQueue)
      : store(*store::Store::open(store_path)) {
    const pki::Certificate& ca = standard_pki().intermediate.certificate;
    issuer = *store->ensure_issuer(source::make_issuer_key(ca), "test CA");
    spec.store_id = issuer;
    spec.policy.presign = hash_set(HashAlgorithm::kSha256);
    store::IssuerState facts;
    facts.key = source::make_issuer_key(ca);
    facts.knows_issued = store::KnowsIssued::kYes;
    facts.loaded_at = kTestNow;
    EXPECT_TRUE(store->touch(issuer, facts));
    options.core_percent = 100;
    presigner = std::make_unique<Presigner>(
        options, *store, clock, null_logger(), [] { return std::optional(Milliseconds(0)); },
        queue);
  }
  void fill() {
    std::vector<store::Change> changes;
    for (unsigned n = 0; n < kSerials; ++n) {
      changes.push_back({testing::make_serial(100 + n), store::Status{}});
    }
    ASSERT_TRUE(store->apply(issuer, changes));
  }
  void revoke(unsigned n) {
    const store::Change change{testing::make_serial(100 + n), revoked_at(kTestNow)};
    ASSERT_TRUE(store->apply(issuer, {&change, 1}));
    presigner->wake();
  }
  void start(std::size_t ahead = 1000) {
    exchange = std::make_shared<AnswerExchange>(0, ahead);
    setup = setup_of({spec});
    presigner->adopt(setup, exchange);
  }
  static ocsp::Request about(unsigned n) {
    ocsp::Request request;
    request.requests.push_back(
        {pki::make_cert_id(HashAlgorithm::kSha256, standard_pki().intermediate.certificate,
                           testing::make_serial(100 + n)),
         {}});
    return request;
  }
  std::unique_ptr<store::Store> store;
  store::IssuerId issuer{};
  IssuerSpec spec = delegated_spec();
  testing::FakeClock clock;
  std::shared_ptr<AnswerExchange> exchange;
  std::shared_ptr<const Setup> setup;
  std::unique_ptr<Presigner> presigner;
};

TEST(Presigner, SignsAWholeIssuerAndWhatChanges) {
  const testing::TempDir dir;
  Running running(dir.file("store"), {.threads = 2});
  running.fill();
  running.start();
  ASSERT_TRUE(eventually([&] { return running.presigner->totals().answers == kSerials; }));
  running.revoke(7);
  ASSERT_TRUE(eventually([&] { return running.presigner->totals().changed == 1; }));
  Counters counters;
  Answerer answerer(running.setup, running.store->reader(), counters, running.exchange);
  for (unsigned n = 0; n < kSerials; ++n) {
    const Taken taken = ask(answerer, Running::about(n));
    ASSERT_EQ(taken.revoked(), n == 7) << n;
    ASSERT_EQ(taken.good(), n != 7) << n;
  }
  EXPECT_EQ(counters.signatures.value(), 0U);
  EXPECT_EQ(running.presigner->totals().signatures, kSerials + 1U);
}

TEST(Presigner, OutlivesARestartAndBelievesNothingUntrue) {
  const testing::TempDir dir;
  const PresignOptions options{.file = dir.file("ahead")};
  {
    Running running(dir.file("store"), options);
    running.fill();
    running.start();
    ASSERT_TRUE(eventually([&] { return running.presigner->totals().answers == kSerials; }));
    running.presigner->stop();
    EXPECT_EQ(running.presigner->totals().saves, 1U);
  }
  Running running(dir.file("store"), options);
  running.revoke(3);  // while nobody served
  running.start();
  ASSERT_TRUE(eventually([&] { return running.presigner->totals().answers == kSerials; }));
  const PresignTotals totals = running.presigner->totals();
  EXPECT_EQ(totals.restored, kSerials - 1U);
  EXPECT_EQ(totals.discarded, 1U);
  EXPECT_EQ(totals.signatures, 1U);
  Counters counters;
  Answerer answerer(running.setup, running.store->reader(), counters, running.exchange);
  EXPECT_TRUE(ask(answerer, Running::about(3)).revoked());
  EXPECT_TRUE(ask(answerer, Running::about(4)).good());
}

TEST(Presigner, AReloadTakesOverWhatStillHolds) {
  const testing::TempDir dir;
  Running running(dir.file("store"));
  running.fill();
  running.start();
  ASSERT_TRUE(eventually([&] { return running.presigner->totals().answers == kSerials; }));
  running.start();
  ASSERT_TRUE(eventually([&] { return running.presigner->totals().restored == kSerials; }));
  running.spec = delegated_spec(
      standard_pki().intermediate,
      testing::issue(standard_pki().intermediate, testing::ocsp_signer_spec("next")));
  running.spec.store_id = running.issuer;
  running.spec.policy.presign = hash_set(HashAlgorithm::kSha256);
  running.start();
  ASSERT_TRUE(eventually([&] { return running.presigner->totals().discarded == kSerials; }));
  ASSERT_TRUE(eventually([&] { return running.presigner->totals().signatures == 2 * kSerials; }));
}

TEST(Presigner, ThreadsThatIdleHoldNothingOfTheSetupBefore) {
  const testing::TempDir dir;
  Running running(dir.file("store"), {.threads = 4});
  running.fill();
  running.start();
  ASSERT_TRUE(eventually([&] { return running.presigner->totals().answers == kSerials; }));
  const std::weak_ptr<AnswerExchange> before = running.exchange;
  running.start();  // all is taken over: there is nothing to sign
  EXPECT_TRUE(eventually([&] { return before.expired(); }));
}

TEST(Presigner, KeepsToItsBounds) {
  const testing::TempDir dir;
  Running running(dir.file("store"), {.max_answers = 100});
  running.fill();
  running.start();
  ASSERT_TRUE(eventually([&] { return running.presigner->totals().answers == 100; }));
  ASSERT_TRUE(eventually([&] { return running.presigner->totals().waiting == 0; }));
  EXPECT_EQ(running.presigner->totals().signatures, 100U);
}

/// A look that found the queue full goes on behind the last serial it took; none is signed twice,
/// and the bound counts from the first.
TEST(Presigner, GoesOnWhereTheQueueWasFull) {
  const testing::TempDir dir;
  Running running(dir.file("store"), {.threads = 2, .max_answers = 250}, 10);
  running.fill();
  running.start();
  ASSERT_TRUE(eventually([&] { return running.presigner->totals().signatures == 250; }));
  ASSERT_TRUE(eventually([&] { return running.presigner->totals().answers == 250; }));
  running.presigner->stop();
  const PresignTotals totals = running.presigner->totals();
  EXPECT_EQ(totals.signatures, 250U);
  EXPECT_GT(totals.shed, 0U);
  EXPECT_EQ(totals.looks, totals.shed + 1) << "each look but the last ended at a full queue";
}

TEST(Presigner, DoesNothingUnlessAsked) {
  const testing::TempDir dir;
  Running running(dir.file("store"), {.file = dir.file("ahead")});
  running.fill();
  running.spec.policy.presign = 0;
  running.start();
  running.presigner->wake();
  running.presigner->stop();
  EXPECT_EQ(running.presigner->totals().looks, 0U);
  EXPECT_FALSE(read_file(dir.file("ahead"), 1));
}

}  // namespace
}  // namespace muster::responder
