#include "exchange.h"

#include "fixture.h"
#include "ready_fixture.h"

namespace muster::responder {
namespace {

using std::chrono::hours;

/// Holds the forms of its answers.
struct Made {
  AnswerForms forms;
  ReadyRef good_answer(UnixSeconds signed_at = kTestNow) {
    MadeOptions options;
    options.signed_at = signed_at;
    const MadeAnswer made = made_answer(testing::make_serial(9), good(), options);
    return forms.make(made.body(), made.facts);
  }
  static Resolved good() { return resolved_as(ocsp::Good{}); }
};
Buffer id() { return to_buffer(made_answer(testing::make_serial(9), Made::good()).id.der()); }

TEST(Serves, OnlyWhatIsTrueAndInTime) {
  Made made;
  const ReadyRef answer = made.good_answer();
  const Resolved good = Made::good();
  const Resolved revoked = resolved_as(ocsp::Revoked{kTestNow, std::nullopt});
  EXPECT_TRUE(serves(*answer, good, 0, kTestNow));
  EXPECT_FALSE(serves(*answer, revoked, 0, kTestNow));
  EXPECT_TRUE(serves(*answer, good, 0, kTestNow + hours(1) - Seconds(1)));
  EXPECT_FALSE(serves(*answer, good, 0, kTestNow + hours(1)));
  EXPECT_TRUE(serves(*answer, good, 0, kTestNow - Seconds(300)));
  EXPECT_FALSE(serves(*answer, good, 0, kTestNow - Seconds(301)))
      << "signed in what is the future now";
  EXPECT_FALSE(serves(*answer, good, 1, kTestNow)) << "another signer was chosen";
}

TEST(AnswerExchange, TheFirstOfTwoEqualAnswersWins) {
  AnswerExchange exchange(64);
  Made made;
  const ReadyRef first = made.good_answer();
  const ReadyRef second = made.good_answer();
  EXPECT_FALSE(exchange.impl().find(id(), 0));
  EXPECT_EQ(exchange.impl().publish(id(), 0, first, kTestNow), first);
  EXPECT_EQ(exchange.impl().publish(id(), 0, second, kTestNow), first);
  EXPECT_EQ(exchange.impl().find(id(), 0), first);
  EXPECT_EQ(exchange.impl().publish(id(), 0, second, kTestNow + hours(1)), second)
      << "the first was due";
}

TEST(AnswerExchange, VariantsAreApart) {
  AnswerExchange exchange(64);
  Made made;
  MadeAnswer other = made_answer(testing::make_serial(9), Made::good());
  other.facts.variant = 1;
  const ReadyRef answer = made.forms.make(other.body(), other.facts);
  exchange.impl().publish(id(), 1, answer, kTestNow);
  EXPECT_FALSE(exchange.impl().find(id(), 0));
  EXPECT_EQ(exchange.impl().find(id(), 1), answer);
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
  Made made;
  const ReadyRef answer = made.good_answer();
  EXPECT_EQ(exchange.impl().publish(id(), 0, answer, kTestNow), answer);
  EXPECT_FALSE(exchange.impl().find(id(), 0));
}

}  // namespace
}  // namespace muster::responder
