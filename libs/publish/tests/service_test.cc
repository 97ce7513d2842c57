#include "muster/publish/service.h"

#include <filesystem>

#include "muster/testing/eventually.h"
#include "muster/testing/memory_logger.h"
#include "muster/testing/process.h"
#include "publish_fixture.h"

namespace muster::publish {
namespace {

using namespace testing;
using muster::testing::FakeClock;
using ::testing::HasSubstr;

class PublishService : public PublishTest {
 protected:
  std::unique_ptr<Service> start(Spec s, const ServiceOptions& options) {
    std::vector<Spec> series;
    series.push_back(std::move(s));
    auto started = Service::start(std::move(series), *store_, options, clock_, log_);
    EXPECT_TRUE(started) << (started ? "" : started.error().detail);
    return started ? *std::move(started) : nullptr;
  }
  /// Waits until `count` lines that begin so were logged.
  [[nodiscard]] bool is_logged(std::string_view begin, std::size_t count) const {
    return muster::testing::eventually([&] { return log_.count(begin) >= count; },
                                       muster::testing::kEventually, Milliseconds(1));
  }
  FakeClock clock_;
  muster::testing::MemoryLogger log_;
};

TEST_F(PublishService, PublishesAtTheStartOnScheduleAndOnChange) {
  Spec s = spec();
  s.terms.reaction = Seconds(60);
  const auto service = start(s, {});
  ASSERT_TRUE(is_logged("crl.published", 1));
  set(5, revoked());
  service->wake();
  ASSERT_TRUE(is_logged("crl.published", 2)) << "at once, not half a reaction later";
  EXPECT_EQ(read(out()).view.entry_count, 1u);
  clock_.advance(Seconds(86400));
  service->wake();
  ASSERT_TRUE(is_logged("crl.published", 3));
  EXPECT_EQ(read(out()).view.this_update, kTestNow + Seconds(86400));
  service->stop();
  const SeriesStatus status = service->status().at(0);
  EXPECT_EQ(status.publications, 3u);
  EXPECT_EQ(status.failures, 0u);
  EXPECT_EQ(status.entries, 1u);
  EXPECT_FALSE(status.error);
  EXPECT_EQ(status.number, "3");
  open(spec(), clock_.now());  // the state is free again
}

/// Each wake finds what changed, but not each has a CRL of its own.
TEST_F(PublishService, ChangesInARowGoOntoOneCrl) {
  Spec s = spec();
  s.terms.reaction = Seconds(3600);
  const auto service = start(s, {});
  ASSERT_TRUE(is_logged("crl.published", 1));
  set(5, revoked());
  service->wake();
  ASSERT_TRUE(is_logged("crl.published", 2));
  set(6, revoked());
  service->wake();
  set(7, revoked());
  service->wake();
  clock_.advance(Seconds(1));
  service->wake();  // to look at the clock
  ASSERT_TRUE(is_logged("crl.published", 3));
  EXPECT_EQ(read(out()).view.entry_count, 3u);
  service->stop();
  const SeriesStatus status = service->status().at(0);
  EXPECT_EQ(status.publications, 3u);
  const std::uint64_t at_once = status.propagation.counts[0];
  const std::uint64_t in_a_second =
      status.propagation.counts[DurationCounts::class_of(kPropagationBounds, Seconds(1))];
  EXPECT_EQ(at_once, 1u) << "5";
  EXPECT_EQ(in_a_second, 1u) << "6, which waited for its turn";
}

TEST_F(PublishService, TriesAgainAfterAFailureAndKeepsTheOldCrl) {
  Spec s = spec();
  s.terms.profile = find_profile("cabf");
  ServiceOptions options;
  const auto service = start(s, options);
  ASSERT_TRUE(is_logged("crl.published", 1));
  set(5, hold());
  clock_.advance(Seconds(86400));
  service->wake();
  ASSERT_TRUE(is_logged("crl.publish_failed certificate 05 is on hold", 1));
  EXPECT_EQ(read(out()).view.this_update, kTestNow);
  EXPECT_EQ(service->status().at(0).error->code, PublishErrc::kForbidden);
  set(5, revoked());
  clock_.advance(options.retry_first);
  service->wake();
  ASSERT_TRUE(is_logged("crl.published", 2));
  service->stop();
  EXPECT_FALSE(service->status().at(0).error);
  EXPECT_EQ(service->status().at(0).failures, 1u);
}

// req: OCSP-CRL-022
TEST_F(PublishService, ServesOverHttpWhatWasPublishedEarlierToo) {
  publish(spec());
  ServiceOptions options;
  options.listen = {"127.0.0.1:0"};
  const auto service = start(spec(), options);
  ASSERT_EQ(service->addresses().size(), 1u);
  const auto got = muster::testing::run_process({"curl", "-sS", "-i", "--retry", "5",
                                                 "--retry-connrefused", "-o", out("got"),
                                                 "http://" + service->addresses()[0] + "/ca.crl"});
  ASSERT_EQ(got.exit_code, 0) << got.describe();
  const std::string answer = muster::testing::read_text(out("got"));
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/pkix-crl\r\n"));
  EXPECT_TRUE(answer.ends_with(muster::testing::read_text(out())));
}

TEST_F(PublishService, GoesOnWithOtherSeriesOrAsBefore) {
  const auto service = start(spec(), {});
  ASSERT_TRUE(is_logged("crl.published", 1));
  Spec bad = spec();
  bad.key = standard_pki().root.key;
  const auto refused = service->replace({bad});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, PublishErrc::kSigner);
  EXPECT_EQ(service->status().at(0).number, "1") << "the series of before";
  Spec moved = spec();
  moved.partitions[0].out = out("moved.crl");
  ASSERT_TRUE(service->replace({moved}));
  EXPECT_EQ(muster::testing::read_text(out("moved.crl")), muster::testing::read_text(out()));
  clock_.advance(Seconds(86400));
  service->wake();
  ASSERT_TRUE(is_logged("crl.published", 2));
  EXPECT_EQ(read(out("moved.crl")).number(), crl::Number(2));
  EXPECT_EQ(read(out()).number(), crl::Number(1));
  ASSERT_TRUE(service->replace({}));
  EXPECT_TRUE(service->status().empty());
}

TEST_F(PublishService, AnAddressThatCannotBeHadIsAnError) {
  ServiceOptions options;
  options.listen = {"nowhere"};
  const auto started = Service::start({spec()}, *store_, options, clock_, log_);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().detail, HasSubstr("serving CRLs"));
}

}  // namespace
}  // namespace muster::publish
