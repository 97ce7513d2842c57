#include "rate_limit.h"

#include "fixture.h"

namespace muster::responder {
namespace {

IpAddress address(const std::string& text) { return *IpAddress::parse(text); }

TEST(RateLimit, LetsASourceSaveUpAndThenKeepsItToItsRate) {
  RateLimit limit(0, 10);
  const IpAddress source = address("192.0.2.1");
  const auto allowed = [&](UnixSeconds now) {
    int n = 0;
    for (int i = 0; i < 1000; ++i) {
      n += limit.take_from_source(source, now) ? 1 : 0;
    }
    return n;
  };
  EXPECT_EQ(allowed(kTestNow), 50);
  EXPECT_EQ(allowed(kTestNow), 0);
  EXPECT_EQ(allowed(kTestNow + Seconds(1)), 10);
  EXPECT_EQ(allowed(kTestNow + Seconds(3)), 20);
  EXPECT_EQ(allowed(kTestNow + Seconds(1000)), 50);
  EXPECT_EQ(allowed(kTestNow), 50) << "a clock set back locks nobody out";
}

TEST(RateLimit, SourcesAreApartAndAnIpv6SourceIsItsNetwork) {
  RateLimit limit(0, 1);
  const auto drain = [&](const std::string& from) {
    while (limit.take_from_source(address(from), kTestNow)) {
    }
  };
  drain("192.0.2.1");
  EXPECT_TRUE(limit.take_from_source(address("192.0.2.2"), kTestNow));
  drain("2001:db8:1:2::1");
  EXPECT_FALSE(limit.take_from_source(address("2001:db8:1:2:ffff::9"), kTestNow));
  EXPECT_TRUE(limit.take_from_source(address("2001:db8:1:3::1"), kTestNow));
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(limit.take_from_source(IpAddress(), kTestNow))
        << "peers on a unix socket have no address to count by";
  }
}

TEST(RateLimit, NoLimitIsNone) {
  RateLimit limit(0, 0);
  for (int i = 0; i < 10000; ++i) {
    ASSERT_TRUE(limit.take_from_source(address("192.0.2.1"), kTestNow) &&
                limit.take_from_total(kTestNow));
  }
}

// req: OCSP-RESP-053
TEST(RateLimit, ThrottlesOneSourceWithoutHarmToOthers) {
  Policy policy;
  policy.requests_per_source = 10;
  policy.unlimited_clients = {*IpNetwork::parse("203.0.113.0/24")};
  World world({delegated_spec()}, policy);
  const Buffer request = ocsp::encode_request(leaf_request());
  unsigned refused = 0;
  for (int i = 0; i < 200; ++i) {
    const Taken taken = take(world.answerer.answer(request, kTestNow, {address("192.0.2.1")}));
    refused += taken.cause == Cause::kRateLimited ? 1U : 0U;
    EXPECT_TRUE(taken.good() || taken.status() == ocsp::ResponseStatus::kTryLater);
    EXPECT_TRUE(take(world.answerer.answer(request, kTestNow, {address("203.0.113.7")})).good());
  }
  EXPECT_EQ(refused, 150U);
  EXPECT_TRUE(take(world.answerer.answer(request, kTestNow, {address("192.0.2.2")})).good());
  EXPECT_EQ(world.counters.refused[static_cast<std::size_t>(Cause::kRateLimited)].value(), 150U);
}

// req: OCSP-RESP-053
TEST(RateLimit, BoundsAllSourcesTogetherWithBoundedMemory) {
  Policy policy;
  policy.requests_per_second = 100;
  policy.requests_per_source = 10;
  World world({delegated_spec()}, policy);
  const Buffer request = ocsp::encode_request(leaf_request());
  unsigned answered = 0;
  for (unsigned i = 0; i < 3 * RateLimit::kSources; ++i) {
    const std::string source = "10." + std::to_string(i >> 16U) + '.' +
                               std::to_string(i >> 8U & 255U) + '.' + std::to_string(i & 255U);
    answered +=
        world.answerer.answer(request, kTestNow, {address(source)}).cause == Cause::kNone ? 1U : 0U;
  }
  EXPECT_EQ(answered, 100U * RateLimit::kBurst);
  EXPECT_TRUE(
      take(world.answerer.answer(request, kTestNow + Seconds(1), {address("192.0.2.2")})).good());
}

}  // namespace
}  // namespace muster::responder
