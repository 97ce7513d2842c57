// Nonces: echoed, ignored, required, by issuer and by client.
#include <gmock/gmock.h>

#include <set>

#include "fixture.h"

namespace muster::responder {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// req: OCSP-RESP-057 OCSP-RESP-054
TEST(Nonces, NeverRemembersAnAnswerWithNonce) {
  World world;
  const ocsp::Request a = with_nonce(leaf_request(), 32, 0xaa);
  const ocsp::Request b = with_nonce(leaf_request(), 32, 0xbb);
  for (const ocsp::Request* request : {&a, &b, &a}) {
    const Taken taken = ask(world.answerer, *request);
    const auto nonce = der::find_extension(taken.parsed->basic->extensions, oid::kOcspNonce);
    ASSERT_TRUE(nonce);
    EXPECT_FALSE(nonce->critical);
    EXPECT_TRUE(equal(nonce->value, request->extensions[0].value));
    EXPECT_TRUE(taken.single().extensions.empty());
    EXPECT_TRUE(taken.etag.empty());
    EXPECT_THAT(taken.head, Not(HasSubstr("Cache-Control")));
  }
  const Taken plain = ask(world.answerer, leaf_request());
  EXPECT_TRUE(plain.parsed->basic->extensions.empty());
  EXPECT_EQ(world.counters.signatures.value(), 4U);
  EXPECT_EQ(world.counters.nonces_echoed.value(), 3U);
}

// req: OCSP-RESP-037 OCSP-RESP-038
TEST(Nonces, AnswersInFullWithoutAnIgnoredNonce) {
  IssuerSpec spec = delegated_spec();
  spec.policy.nonce = NoncePolicy::kIgnore;
  World world({spec});
  const Taken plain = ask(world.answerer, leaf_request());
  const Taken nonced = ask(world.answerer, with_nonce(leaf_request(), 32));
  EXPECT_EQ(plain.body, nonced.body);
  EXPECT_TRUE(plain.parsed->basic->extensions.empty());
}

/// What becomes of a nonce of `octets` octets; made by hand, since our encoder refuses lengths
/// outside the standard.
Taken ask_with(Answerer& answerer, std::size_t octets, const Client& client = {}) {
  ocsp::Request request = leaf_request();
  der::Writer wrapped;
  wrapped.octet_string(Buffer(octets, 0x6e));
  request.extensions.push_back({to_buffer(oid::kOcspNonce), false, wrapped.take()});
  return take(answerer.answer(ocsp::encode_request(request), kTestNow, client));
}
bool echoed(const Taken& taken) {
  return taken.good() &&
         der::find_extension(taken.parsed->basic->extensions, oid::kOcspNonce).has_value();
}

// req: OCSP-RESP-054 OCSP-RESP-055 OCSP-RESP-056
TEST(Nonces, OfEveryLengthUnderEveryPolicy) {
  const std::pair<NoncePolicy, std::set<std::size_t>> policies[] = {
      {NoncePolicy::kEcho, {1, 15, 16, 32, 33, 128}},
      {NoncePolicy::kEchoStandard, {16, 32}},
      {NoncePolicy::kIgnore, {}},
      {NoncePolicy::kRequire, {1, 15, 16, 32, 33, 128}}};
  for (const auto& [policy, echoes] : policies) {
    IssuerSpec spec = delegated_spec();
    spec.policy.nonce = policy;
    World world({spec});
    for (const std::size_t octets : {1U, 15U, 16U, 32U, 33U, 128U}) {
      const Taken taken = ask_with(world.answerer, octets);
      EXPECT_TRUE(taken.good()) << octets;
      EXPECT_EQ(echoed(taken), echoes.contains(octets)) << octets;
    }
    for (const std::size_t octets : {0U, 129U}) {
      EXPECT_EQ(ask_with(world.answerer, octets).status(), ocsp::ResponseStatus::kMalformedRequest)
          << octets;
    }
  }
}

TEST(Nonces, MayBeRequiredAlsoOfRememberedAnswers) {
  IssuerSpec spec = delegated_spec();
  spec.policy.nonce = NoncePolicy::kRequire;
  World world({spec});
  for (int again = 0; again < 2; ++again) {
    EXPECT_TRUE(echoed(ask_with(world.answerer, 32)));
    const Taken refused = ask(world.answerer, leaf_request());
    EXPECT_EQ(refused.status(), ocsp::ResponseStatus::kUnauthorized);
    EXPECT_EQ(refused.cause, Cause::kNonceMissing);
  }
}

TEST(Nonces, FollowTheClientsNetwork) {
  IssuerSpec spec = delegated_spec();
  spec.policy.nonce = NoncePolicy::kIgnore;
  spec.policy.nonce_by_client = {
      {{*IpNetwork::parse("192.0.2.0/25")}, NoncePolicy::kRequire},
      {{*IpNetwork::parse("192.0.2.0/24"), *IpNetwork::parse("unix")}, NoncePolicy::kEcho}};
  World world({spec});
  const auto client = [](const char* address) { return Client{*IpAddress::parse(address)}; };
  EXPECT_FALSE(echoed(ask_with(world.answerer, 32, client("198.51.100.1"))));
  EXPECT_TRUE(echoed(ask_with(world.answerer, 32, client("192.0.2.200"))));
  EXPECT_TRUE(echoed(ask_with(world.answerer, 32, Client{})));
  const Buffer plain = ocsp::encode_request(leaf_request());
  EXPECT_TRUE(take(world.answerer.answer(plain, kTestNow, client("192.0.2.200"))).good());
  EXPECT_EQ(take(world.answerer.answer(plain, kTestNow, client("192.0.2.1"))).cause,
            Cause::kNonceMissing);
}

TEST(Nonces, FollowTheIssuerAskedAbout) {
  IssuerSpec ignoring = self_spec(standard_pki().root, kOther);
  ignoring.policy.nonce = NoncePolicy::kIgnore;
  World world({delegated_spec(), ignoring});
  world.store.list_all_issued(kOther);
  const pki::Certificate& intermediate = standard_pki().intermediate.certificate;
  world.store.set(kOther, intermediate.serial(), store::Status{});
  const Taken other = ask(
      world.answerer, with_nonce(request_for(intermediate, standard_pki().root.certificate), 32));
  EXPECT_TRUE(other.good());
  EXPECT_FALSE(echoed(other));
  EXPECT_TRUE(echoed(ask_with(world.answerer, 32)));
}

// req: OCSP-RESP-083 OCSP-RESP-038
TEST(NonceOverload, WithoutTheNonceWhereThePolicySaysSo) {
  for (const auto overload : {NonceOverload::kTryLater, NonceOverload::kWithoutNonce}) {
    World world({delegated_spec()}, {.nonce_overload = overload, .signatures_per_second = 2});
    EXPECT_TRUE(ask(world.answerer, leaf_request()).good());  // remembered
    EXPECT_EQ(ask(world.answerer, with_nonce(leaf_request(), 32)).parsed->basic->extensions.size(),
              1U);
    const Taken beyond = ask(world.answerer, with_nonce(leaf_request(), 32));
    if (overload == NonceOverload::kWithoutNonce) {
      EXPECT_TRUE(beyond.good());
      EXPECT_TRUE(beyond.parsed->basic->extensions.empty());
      EXPECT_EQ(world.counters.nonces_left_out.value(), 1U);
    } else {
      EXPECT_EQ(beyond.cause, Cause::kSigningLimit);
      EXPECT_EQ(world.counters.nonces_left_out.value(), 0U);
    }
    const Taken unknown =
        ask(world.answerer, with_nonce(request_for(standard_pki().ocsp_signer.certificate,
                                                   standard_pki().intermediate.certificate),
                                       32));
    EXPECT_EQ(unknown.cause, Cause::kSigningLimit) << "nothing remembered";
  }
}

TEST(NonceOverload, NotWhereNoncesAreRequired) {
  IssuerSpec spec = delegated_spec();
  spec.policy.nonce = NoncePolicy::kRequire;
  World world({spec}, {.nonce_overload = NonceOverload::kWithoutNonce, .signatures_per_second = 1});
  EXPECT_TRUE(ask(world.answerer, with_nonce(leaf_request(), 32)).good());
  EXPECT_EQ(ask(world.answerer, with_nonce(leaf_request(), 32)).cause, Cause::kSigningLimit);
}

}  // namespace
}  // namespace muster::responder
