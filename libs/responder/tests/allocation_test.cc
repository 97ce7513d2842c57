// Counts allocations of this thread, to hold the promise that a remembered answer costs none.
#include "fixture.h"
#include "muster/http/get_path.h"
#include "muster/responder/handler.h"
#include "muster/testing/allocation_counter.h"

namespace muster::responder {
namespace {

class Discard final : public net::HttpReply {
 public:
  void send_ready(Bytes octets, std::size_t) override { bytes += octets.size(); }
  void send(unsigned, std::string_view, std::string_view, Bytes) override {}
  std::size_t bytes = 0;
};

TEST(Allocations, ARememberedAnswerCostsNone) {
  World world;
  testing::FakeClock clock;
  OcspHandler handler({}, world.answerer, clock, null_logger(), world.counters);
  const Buffer octets = ocsp::encode_request(leaf_request());
  const std::string target = "/" + http::encode_get_tail(octets);
  http::RequestView get;
  get.method = http::Method::kGet;
  get.target = target;
  http::RequestView post;
  post.method = http::Method::kPost;
  post.target = "/";
  post.body = octets;
  Discard reply;
  handler.handle(get, reply);  // signed and remembered
  handler.handle(post, reply);
  const std::size_t before = testing::allocations_of_this_thread();
  for (int i = 0; i < 1000; ++i) {
    handler.handle(get, reply);
    handler.handle(post, reply);
  }
  EXPECT_EQ(testing::allocations_of_this_thread(), before);
  EXPECT_EQ(world.counters.signatures.value(), 1U);
  EXPECT_EQ(world.counters.ready_hits.value(), 2001U);
  EXPECT_GT(reply.bytes, 2000U * 400U);
}

/// Rules that look at who asks cost no allocation either.
TEST(Allocations, LimitsAndNetworksCostNone) {
  Policy policy;
  policy.requests_per_source = 1'000'000;
  policy.requests_per_second = 1'000'000;
  policy.unlimited_clients = {*IpNetwork::parse("203.0.113.0/24")};
  IssuerSpec spec = delegated_spec();
  spec.policy.clients = {*IpNetwork::parse("192.0.2.0/24")};
  spec.policy.monitor_clients = {*IpNetwork::parse("192.0.2.0/28")};
  World world({spec}, policy);
  const Buffer octets = ocsp::encode_request(leaf_request());
  const Client inside{*IpAddress::parse("192.0.2.1")};
  const Client outside{*IpAddress::parse("198.51.100.1")};
  world.answerer.answer(octets, kTestNow, inside);
  world.answerer.answer(octets, kTestNow, outside);
  const std::size_t before = testing::allocations_of_this_thread();
  for (int i = 0; i < 1000; ++i) {
    world.answerer.answer(octets, kTestNow, inside);
    world.answerer.answer(octets, kTestNow, outside);
  }
  EXPECT_EQ(testing::allocations_of_this_thread(), before);
  EXPECT_EQ(world.counters.ready_hits.value(), 1000U);
}

TEST(Allocations, RefusalsOfStrangersCostNone) {
  World world;
  const Buffer junk(100, 0x30);
  const Buffer foreign = ocsp::encode_request(
      request_for(standard_pki().intermediate.certificate, standard_pki().root.certificate));
  world.answerer.answer(junk, kTestNow);
  world.answerer.answer(foreign, kTestNow);
  const std::size_t before = testing::allocations_of_this_thread();
  for (int i = 0; i < 1000; ++i) {
    world.answerer.answer(junk, kTestNow);
    world.answerer.answer(foreign, kTestNow);
  }
  EXPECT_EQ(testing::allocations_of_this_thread(), before);
}

}  // namespace
}  // namespace muster::responder
