#include "exchange.h"

#include "fixture.h"

namespace muster::responder {
namespace {

using std::chrono::hours;

SignedAnswer good_answer(UnixSeconds signed_at = kTestNow) {
  SignedAnswer out;
  out.basis.status = ocsp::Good{};
  out.signed_at = signed_at;
  out.replace_at = signed_at + hours(1);
  out.body = {1, 2, 3};
  return out;
}
Resolved good() { return good_answer().basis; }
Resolved revoked() {
  Resolved out;
  out.status = ocsp::Revoked{kTestNow, std::nullopt};
  return out;
}

TEST(Serves, OnlyWhatIsTrueAndInTime) {
  EXPECT_TRUE(serves(good_answer(), good(), 0, kTestNow));
  EXPECT_FALSE(serves(good_answer(), revoked(), 0, kTestNow));
  EXPECT_TRUE(serves(good_answer(), good(), 0, kTestNow + hours(1) - Seconds(1)));
  EXPECT_FALSE(serves(good_answer(), good(), 0, kTestNow + hours(1)));
  EXPECT_TRUE(serves(good_answer(), good(), 0, kTestNow - Seconds(300)));
  EXPECT_FALSE(serves(good_answer(), good(), 0, kTestNow - Seconds(301)))
      << "signed in what is the future now";
  EXPECT_FALSE(serves(good_answer(), good(), 1, kTestNow)) << "another signer was chosen";
}

TEST(AnswerExchange, TheFirstOfTwoEqualAnswersWins) {
  AnswerExchange exchange(64);
  const Buffer id{9, 9, 9};
  const auto first = std::make_shared<const SignedAnswer>(good_answer());
  const auto second = std::make_shared<const SignedAnswer>(good_answer());
  EXPECT_EQ(exchange.impl().find(id, 0), nullptr);
  EXPECT_EQ(exchange.impl().publish(id, 0, first, kTestNow), first);
  EXPECT_EQ(exchange.impl().publish(id, 0, second, kTestNow), first);
  EXPECT_EQ(exchange.impl().find(id, 0), first);
  EXPECT_EQ(exchange.impl().publish(id, 0, second, kTestNow + hours(1)), second)
      << "the first was due";
}

TEST(AnswerExchange, VariantsAreApart) {
  AnswerExchange exchange(64);
  const Buffer id{9, 9, 9};
  const auto answer = std::make_shared<const SignedAnswer>(good_answer());
  exchange.impl().publish(id, 1, answer, kTestNow);
  EXPECT_EQ(exchange.impl().find(id, 0), nullptr);
  EXPECT_EQ(exchange.impl().find(id, 1), answer);
}

TEST(AnswerExchange, LoopsShareSignaturesAndForgetThemWithTheStatus) {
  World world;
  const auto exchange = std::make_shared<AnswerExchange>(64);
  Counters one;
  Counters two;
  Answerer a(world.setup, std::make_unique<FakeReader>(world.store), one, exchange);
  Answerer b(world.setup, std::make_unique<FakeReader>(world.store), two, exchange);
  const Taken first = ask(a, leaf_request());
  EXPECT_EQ(ask(b, leaf_request(), kTestNow + Seconds(5)).body, first.body);
  EXPECT_EQ(one.signatures.value() + two.signatures.value(), 1U);
  EXPECT_EQ(two.ready_shared.value(), 1U);
  world.store.set(kIssuer, standard_pki().leaf.certificate.serial(), revoked_at(kTestNow));
  EXPECT_TRUE(ask(b, leaf_request()).revoked());
  EXPECT_TRUE(ask(a, leaf_request()).revoked());
  EXPECT_EQ(one.signatures.value() + two.signatures.value(), 2U);
  world.store.set(kIssuer, standard_pki().leaf.certificate.serial(), store::Status{});
  EXPECT_TRUE(ask(a, leaf_request()).good());
}

// req: OCSP-RESP-057
TEST(AnswerExchange, NoncesAreNeverExchanged) {
  World world;
  const auto exchange = std::make_shared<AnswerExchange>(64);
  Counters counters;
  Answerer a(world.setup, std::make_unique<FakeReader>(world.store), counters, exchange);
  Answerer b(world.setup, std::make_unique<FakeReader>(world.store), counters, exchange);
  EXPECT_TRUE(ask(a, with_nonce(leaf_request(), 32)).good());
  EXPECT_TRUE(ask(b, leaf_request()).parsed->basic->extensions.empty());
  EXPECT_EQ(counters.signatures.value(), 2U);
}

TEST(AnswerExchange, OfNoCapacityExchangesNothing) {
  AnswerExchange exchange(0);
  const Buffer id{1};
  const auto answer = std::make_shared<const SignedAnswer>(good_answer());
  EXPECT_EQ(exchange.impl().publish(id, 0, answer, kTestNow), answer);
  EXPECT_EQ(exchange.impl().find(id, 0), nullptr);
}

}  // namespace
}  // namespace muster::responder
