// Whatever stands in the way of an answer, explain() says the same as answer() then does.
#include <gmock/gmock.h>

#include <set>

#include "fixture.h"
#include "remote_signer.h"
#include "signed_request.h"

namespace muster::responder {
namespace {

using std::chrono::hours;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::HeldKey;
using ::testing::IsEmpty;

/// A world and a request that comes to something in it.
struct Case {
  std::unique_ptr<World> world = std::make_unique<World>();
  Buffer request = ocsp::encode_request(leaf_request());
  Client client{};
  UnixSeconds now = kTestNow;
};
Case with(const IssuerSpec& spec, const Policy& policy = {}) {
  return {.world = std::make_unique<World>(std::vector{spec}, policy)};
}
Case with_policy(const std::function<void(IssuerPolicy&)>& change) {
  IssuerSpec spec = delegated_spec();
  change(spec.policy);
  return with(spec);
}
ocsp::Request request_about(std::uint64_t serial) {
  ocsp::Request out;
  out.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, standard_pki().intermediate.certificate,
                         testing::make_serial(serial)),
       {}});
  return out;
}
Serial leaf() { return standard_pki().leaf.certificate.serial(); }
RemoteSigner& token() {
  static RemoteSigner made{"token"};
  return made;
}
/// It signs until a test lets it fail.
IssuerSpec token_spec() {
  token().held->set(HeldKey::Mode::kAtOnce);
  IssuerSpec spec = delegated_spec();
  spec.signers = {token().spec()};
  return spec;
}

using Make = std::function<Case()>;
/// One for every cause that an answer can have.
const std::map<Cause, Make>& cases() {
  static const std::map<Cause, Make> all = {
      {Cause::kNone, [] { return Case{}; }},
      {Cause::kBadRequest, [] { return Case{.request = Buffer(40, 0x30)}; }},
      {Cause::kBadNonce,
       [] {
         ocsp::Request request = leaf_request();
         request.extensions.push_back({to_buffer(oid::kOcspNonce), false, {0x04, 0x00}});
         return Case{.request = ocsp::encode_request(request)};
       }},
      {Cause::kCriticalExtension,
       [] {
         ocsp::Request request = leaf_request();
         request.extensions.push_back({{0x2a, 0x03}, true, {0x05, 0x00}});
         return Case{.request = ocsp::encode_request(request)};
       }},
      {Cause::kUnknownHash,
       [] {
         Case out = with(delegated_spec(), {.sha1 = Sha1CertIds::kRefused});
         out.request = ocsp::encode_request(leaf_request(HashAlgorithm::kSha1));
         return out;
       }},
      {Cause::kUnknownIssuer,
       [] {
         const auto& pki = standard_pki();
         return Case{.request = ocsp::encode_request(
                         request_for(pki.leaf.certificate, pki.root.certificate))};
       }},
      {Cause::kSeveralIssuers,
       [] {
         const auto& pki = standard_pki();
         Case out{.world = std::make_unique<World>(
                      std::vector{delegated_spec(), self_spec(pki.root, kOther)})};
         ocsp::Request request = leaf_request();
         request.requests.push_back(
             request_for(pki.intermediate.certificate, pki.root.certificate).requests[0]);
         out.request = ocsp::encode_request(request);
         return out;
       }},
      {Cause::kUnissued,
       [] {
         Case out =
             with_policy([](IssuerPolicy& p) { p.unissued = UnissuedAnswer::kUnauthorized; });
         out.request = ocsp::encode_request(request_about(42));
         return out;
       }},
      {Cause::kUnlisted,
       [] {
         Case out;
         out.world->store.states[kIssuer].knows_issued = store::KnowsIssued::kNo;
         out.request = ocsp::encode_request(request_about(42));
         return out;
       }},
      {Cause::kSourceNotLoaded,
       [] {
         Case out;
         out.world->store.states.clear();
         return out;
       }},
      {Cause::kSourceStale,
       [] {
         Case out;
         out.world->store.states[kIssuer].next_update = kTestNow;
         return out;
       }},
      {Cause::kStoreUnreadable,
       [] {
         Case out;
         out.world->store.broken = true;
         return out;
       }},
      {Cause::kSignerExpired,
       [] { return Case{.now = standard_pki().ocsp_signer.certificate.not_after()}; }},
      {Cause::kClockUnsure,
       [] {
         Case out = with(delegated_spec(), {.max_clock_error = Milliseconds(10)});
         out.world->answerer.set_clock_error(Milliseconds(11));
         return out;
       }},
      {Cause::kSigningLimit,
       [] {
         Case out = with(delegated_spec(), {.signatures_per_second = 1});
         ask(out.world->answerer, request_about(42));
         return out;
       }},
      {Cause::kRateLimited,
       [] {
         Case out = with(delegated_spec(), {.requests_per_source = 1});
         out.client = from("192.0.2.1");
         for (int i = 0; i < 5; ++i) {  // what a source may save up
           out.world->answerer.answer(out.request, out.now, out.client);
         }
         return out;
       }},
      {Cause::kClientRefused,
       [] {
         Case out =
             with_policy([](IssuerPolicy& p) { p.clients = {*IpNetwork::parse("192.0.2.0/24")}; });
         out.client = from("198.51.100.1");
         return out;
       }},
      {Cause::kNonceMissing,
       [] { return with_policy([](IssuerPolicy& p) { p.nonce = NoncePolicy::kRequire; }); }},
      {Cause::kUnsigned, [] { return with(signing_spec(RequestSignatures::kRequired)); }},
      {Cause::kBadSignature,
       [] {
         Case out = with(signing_spec(RequestSignatures::kVerified));
         out.request = signed_request({.key = &standard_pki().leaf.key});
         return out;
       }},
      {Cause::kNoPath,
       [] {
         Case out = with(signing_spec(RequestSignatures::kVerified));
         out.request = signed_request(
             {.who = &mallory(), .certificates = {to_buffer(mallory().certificate.der())}});
         return out;
       }},
      {Cause::kRequestorRefused,
       [] {
         IssuerSpec spec = signing_spec(RequestSignatures::kRequired);
         spec.policy.requestors = {"CN=somebody else"};
         Case out = with(spec);
         out.request = signed_request({});
         return out;
       }},
      {Cause::kVerifyingLimit,
       [] {
         Case out =
             with(signing_spec(RequestSignatures::kRequired), {.request_checks_per_second = 1});
         out.request = signed_request({});
         out.world->answerer.answer(out.request, out.now);
         return out;
       }},
      {Cause::kRetired,
       [] {
         Case out = with_policy([](IssuerPolicy& p) { p.retain_expired = hours(1); });
         store::Status old;
         old.expires = kTestNow - hours(2);
         out.world->store.set(kIssuer, leaf(), old);
         return out;
       }},
      {Cause::kResponseTooLarge,
       [] {
         Case out = with_policy([](IssuerPolicy& p) { p.max_response_bytes = 4'000; });
         ocsp::Request request;
         for (std::uint64_t serial = 0; serial < 32; ++serial) {
           request.requests.push_back(request_about(1000 + serial).requests[0]);
         }
         out.request = ocsp::encode_request(request);
         return out;
       }},
      {Cause::kSignerUnavailable,
       [] {
         Case out = with(token_spec());
         token().held->set(HeldKey::Mode::kFailing);
         return out;
       }},
      {Cause::kSigningQueueFull,
       [] {
         static testing::FakeClock clock;
         Case out = with(token_spec());
         token().held->set(HeldKey::Mode::kHeld);
         out.world->answerer.use_desk(
             std::make_shared<SigningDesk>(0, 8), [](const std::function<void()>&) {}, clock);
         return out;
       }},
      {Cause::kRouted,
       [] {
         const auto& pki = standard_pki();
         std::vector<std::string> warnings;
         Case out{.request = ocsp::encode_request(
                      request_for(pki.intermediate.certificate, pki.root.certificate))};
         out.world->answerer.adopt(
             *Setup::make({delegated_spec()}, {}, kTestNow, warnings,
                          {{"http://other.example/", {pki.root.certificate}, {}}}));
         return out;
       }},
  };
  return all;
}

class ExplainAgrees : public ::testing::TestWithParam<Cause> {};
TEST_P(ExplainAgrees, WithTheAnswer) {
  const Case one = cases().at(GetParam())();
  for (int again = 0; again < 2; ++again) {
    const Explanation out = one.world->answerer.explain(one.request, one.now, one.client);
    EXPECT_EQ(out.cause, GetParam()) << out.why;
    EXPECT_FALSE(out.why.empty());
    if (out.cause != Cause::kNone && !out.certificates.empty()) {
      EXPECT_EQ(out.certificates[0].status, "") << "nothing is said of it";
    }
    const Taken taken = take(one.world->answerer.answer(one.request, one.now, one.client));
    EXPECT_EQ(out.cause, taken.cause) << to_string(taken.cause);
    EXPECT_EQ(out.status, taken.status());
  }
}
INSTANTIATE_TEST_SUITE_P(Causes, ExplainAgrees, ::testing::ValuesIn([] {
                           std::vector<Cause> all;
                           for (const auto& [cause, make] : cases()) {
                             all.push_back(cause);
                           }
                           return all;
                         }()),
                         [](const auto& one) { return std::string(to_string(one.param)); });

TEST(Explain, IsTriedWithEveryCause) {
  // No request came out of the path; and whether a key that should sign does, only signing shows.
  const std::set<Cause> others = {Cause::kBadEncoding, Cause::kSigningFailed};
  for (std::size_t i = 0; i < kCauses; ++i) {
    const auto cause = static_cast<Cause>(i);
    EXPECT_NE(cases().contains(cause), others.contains(cause)) << to_string(cause);
  }
}

TEST(Explain, TellsTheStandbyThatWouldSign) {
  IssuerSpec spec = token_spec();
  spec.signers.push_back(signer_spec(standard_pki().ocsp_signer, SignerRole::kStandby));
  World world({spec});
  token().held->set(HeldKey::Mode::kFailing);
  const Buffer request = ocsp::encode_request(leaf_request());
  const Explanation out = world.answerer.explain(request, kTestNow);
  EXPECT_EQ(out.cause, Cause::kNone);
  EXPECT_EQ(out.certificates[0].status, "good");
  EXPECT_THAT(out.signer_rule, HasSubstr("standby"));
  EXPECT_THAT(out.notes, Contains(HasSubstr("passed over: the token")));
  EXPECT_TRUE(take(world.answerer.answer(request, kTestNow)).good());
}

TEST(Explain, KnowsWhatIsRemembered) {
  World world({token_spec()});
  token().held->set(HeldKey::Mode::kAtOnce);
  const Buffer request = ocsp::encode_request(leaf_request());
  EXPECT_THAT(world.answerer.explain(request, kTestNow).notes, IsEmpty());
  ASSERT_TRUE(take(world.answerer.answer(request, kTestNow)).good());
  token().held->set(HeldKey::Mode::kFailing);
  const Explanation out = world.answerer.explain(request, kTestNow);
  EXPECT_EQ(out.cause, Cause::kNone);
  EXPECT_EQ(out.certificates[0].status, "good");
  EXPECT_THAT(out.notes, Contains(HasSubstr("remembered")));
  EXPECT_TRUE(take(world.answerer.answer(request, kTestNow)).good());
  world.store.set(kIssuer, leaf(), revoked_at(kTestNow));
  EXPECT_EQ(world.answerer.explain(request, kTestNow).cause, Cause::kSignerUnavailable)
      << "what is remembered is true no more";
}

TEST(Explain, KnowsWhatAnotherLoopSigned) {
  World world({token_spec()});
  const auto exchange = std::make_shared<AnswerExchange>(64);
  Answerer first(world.setup, std::make_unique<FakeReader>(world.store), world.counters, exchange);
  Answerer second(world.setup, std::make_unique<FakeReader>(world.store), world.counters, exchange);
  token().held->set(HeldKey::Mode::kAtOnce);
  const Buffer request = ocsp::encode_request(leaf_request());
  first.answer(request, kTestNow);
  token().held->set(HeldKey::Mode::kFailing);
  EXPECT_EQ(second.explain(request, kTestNow).cause, Cause::kNone);
  EXPECT_TRUE(take(second.answer(request, kTestNow)).good());
}

TEST(Explain, WithoutALoopJudgesClockAndKeys) {
  World world({token_spec()}, {.max_clock_error = Milliseconds(10)});
  FakeReader reader(world.store);
  const Buffer request = ocsp::encode_request(leaf_request());
  const auto cause = [&](std::optional<Milliseconds> clock_error) {
    return explain(*world.setup, reader, request, kTestNow, {}, clock_error).cause;
  };
  token().held->set(HeldKey::Mode::kAtOnce);
  EXPECT_EQ(cause(Milliseconds(10)), Cause::kNone);
  EXPECT_EQ(cause(Milliseconds(11)), Cause::kClockUnsure);
  EXPECT_EQ(cause(std::nullopt), Cause::kClockUnsure);
  token().held->set(HeldKey::Mode::kFailing);
  EXPECT_EQ(cause(Milliseconds(10)), Cause::kSignerUnavailable);
}

}  // namespace
}  // namespace muster::responder
