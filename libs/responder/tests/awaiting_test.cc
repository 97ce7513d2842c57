// Answers that remote keys sign: nothing waits but the asker, one signature serves all, and what
// changed meanwhile is not said.
#include <gmock/gmock.h>

#include <deque>

#include "fixture.h"
#include "remote_signer.h"

namespace muster::responder {
namespace {

using testing::HeldKey;
using testing::TestKey;
using Mode = HeldKey::Mode;

IssuerSpec spec_of(std::vector<SignerSpec> signers) {
  IssuerSpec spec = delegated_spec();
  spec.signers = std::move(signers);
  return spec;
}

/// One loop: an Answerer, and the actions that were posted to it.
struct OneLoop {
  OneLoop(World& world, const std::shared_ptr<SigningDesk>& desk, const Clock& clock,
          std::shared_ptr<AnswerExchange> exchange = nullptr)
      : answerer(world.setup, std::make_unique<FakeReader>(world.store), counters,
                 std::move(exchange)) {
    answerer.use_desk(
        desk, [this](std::function<void()> action) { posted.push_back(std::move(action)); }, clock);
  }
  /// Asks; the answer goes to `answers` under `name`, now or when it comes.
  void ask(const std::string& name, const ocsp::Request& request, UnixSeconds now = kTestNow) {
    const Buffer octets = ocsp::encode_request(request);
    const Answer answer = answerer.answer(octets, now);
    if (!answer.pending) {
      answers.emplace(name, take(answer));
      return;
    }
    answerer.await(octets, {},
                   [this, name](const Answer& later) { answers.emplace(name, take(later)); });
  }
  void turn() {
    while (!posted.empty()) {
      const auto action = std::move(posted.front());
      posted.pop_front();
      action();
    }
  }
  [[nodiscard]] bool has(const std::string& name) const { return answers.contains(name); }

  Counters counters;
  std::deque<std::function<void()>> posted;
  std::map<std::string, Taken> answers;
  Answerer answerer;
};

class AwaitingTest : public ::testing::Test {
 protected:
  void set_up(std::vector<SignerSpec> signers, std::size_t jobs = 8, std::size_t waiting = 16) {
    world_ = std::make_unique<World>(std::vector{spec_of(std::move(signers))});
    desk_ = std::make_shared<SigningDesk>(jobs, waiting);
    loop_ = std::make_unique<OneLoop>(*world_, desk_, clock_);
    token_.held->set(Mode::kHeld);
  }
  void set_up() { set_up({token_.spec()}); }
  /// Another certificate of the same CA with a good record.
  ocsp::Request other_request(int number) {
    const auto& ca = standard_pki().intermediate.certificate;
    const Serial serial = testing::make_serial(static_cast<std::uint64_t>(7000 + number));
    world_->store.set(kIssuer, serial, store::Status{});
    ocsp::Request out;
    out.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, ca, serial), {}});
    return out;
  }

  testing::FakeClock clock_;
  RemoteSigner token_{"token"};
  std::unique_ptr<World> world_;
  std::shared_ptr<SigningDesk> desk_;
  std::unique_ptr<OneLoop> loop_;
};

// req: OCSP-OPS-007
TEST_F(AwaitingTest, TheAnswerComesWhenTheKeyHasSigned) {
  set_up();
  loop_->ask("a", leaf_request());
  loop_->turn();
  EXPECT_FALSE(loop_->has("a"));
  token_.held->answer();
  EXPECT_FALSE(loop_->has("a")) << "not on the key's thread";
  loop_->turn();
  ASSERT_TRUE(loop_->has("a"));
  EXPECT_TRUE(loop_->answers["a"].good());
  EXPECT_TRUE(loop_->answers["a"].signed_by(*token_.certificate));
  EXPECT_FALSE(loop_->answers["a"].etag.empty());
  loop_->ask("again", leaf_request());
  ASSERT_TRUE(loop_->has("again")) << "it is remembered";
  EXPECT_EQ(loop_->answers["again"].body, loop_->answers["a"].body);
  EXPECT_EQ(loop_->counters.signatures.value(), 1u);
  EXPECT_EQ(loop_->counters.good.value(), 2u) << "each answer is counted once";
}

TEST_F(AwaitingTest, RememberedAnswersDoNotWaitBehindTheKey) {
  set_up();
  loop_->ask("a", leaf_request());
  token_.held->answer();
  loop_->turn();
  loop_->ask("slow", other_request(1));
  loop_->ask("fast", leaf_request());
  EXPECT_FALSE(loop_->has("slow"));
  EXPECT_TRUE(loop_->has("fast"));
  token_.held->answer();
  loop_->turn();
  EXPECT_TRUE(loop_->has("slow"));
}

TEST_F(AwaitingTest, OneSignatureServesAllWhoAskForTheSame) {
  set_up();
  OneLoop second(*world_, desk_, clock_);
  loop_->ask("a", leaf_request());
  loop_->ask("b", leaf_request(), kTestNow + Seconds(1));
  second.ask("c", leaf_request(), kTestNow + Seconds(1));
  loop_->ask("nonce", with_nonce(leaf_request(), 32));
  const std::size_t before = token_.held->waiting();
  EXPECT_EQ(before, 2u) << "one for three, and one of its own for the nonce";
  token_.held->answer();
  token_.held->answer();
  loop_->turn();
  second.turn();
  EXPECT_EQ(loop_->answers["a"].body, loop_->answers["b"].body);
  EXPECT_EQ(loop_->answers["a"].body, second.answers["c"].body);
  EXPECT_TRUE(loop_->answers["nonce"].good());
  EXPECT_NE(loop_->answers["nonce"].body, loop_->answers["a"].body);
}

// No answer is good after a revocation was acknowledged, even one whose signature was under way.
TEST_F(AwaitingTest, ARevocationDuringTheSignatureCounts) {
  set_up();
  loop_->ask("a", leaf_request());
  loop_->ask("nonce", with_nonce(leaf_request(), 32));
  world_->store.set(kIssuer, standard_pki().leaf.certificate.serial(), revoked_at(kTestNow));
  token_.held->answer();
  token_.held->answer();
  loop_->turn();
  EXPECT_FALSE(loop_->has("a"));
  EXPECT_FALSE(loop_->has("nonce"));
  EXPECT_EQ(token_.held->waiting(), 2u) << "both are signed anew";
  token_.held->answer();
  token_.held->answer();
  loop_->turn();
  EXPECT_TRUE(loop_->answers["a"].revoked());
  EXPECT_TRUE(loop_->answers["nonce"].revoked());
}

TEST_F(AwaitingTest, ASignatureThatNobodyWaitsForIsRememberedAllTheSame) {
  set_up();
  const Buffer octets = ocsp::encode_request(leaf_request());
  ASSERT_TRUE(loop_->answerer.answer(octets, kTestNow).pending);
  loop_->answerer.await(octets, {}, [](const Answer&) {});  // its connection is gone
  token_.held->answer();
  loop_->turn();
  loop_->ask("next", leaf_request());
  EXPECT_TRUE(loop_->has("next"));
  EXPECT_EQ(token_.held->waiting(), 0u);
}

TEST_F(AwaitingTest, AFullQueueIsTryLaterAtOnce) {
  set_up({token_.spec()}, 2, 16);
  loop_->ask("1", other_request(1));
  loop_->ask("2", other_request(2));
  loop_->ask("3", other_request(3));
  ASSERT_TRUE(loop_->has("3"));
  EXPECT_EQ(loop_->answers["3"].status(), ocsp::ResponseStatus::kTryLater);
  EXPECT_EQ(loop_->answers["3"].cause, Cause::kSigningQueueFull);
  EXPECT_EQ(loop_->counters.refused[static_cast<std::size_t>(Cause::kSigningQueueFull)].value(),
            1u);
  token_.held->answer();
  token_.held->answer();
  loop_->turn();
  EXPECT_TRUE(loop_->answers["1"].good());
  EXPECT_TRUE(loop_->answers["2"].good());
}

TEST_F(AwaitingTest, AKeyThatCannotSignIsTryLater) {
  set_up();
  loop_->ask("a", leaf_request());
  token_.held->fail();  // its deadline passed, say
  loop_->turn();
  ASSERT_TRUE(loop_->has("a"));
  EXPECT_EQ(loop_->answers["a"].status(), ocsp::ResponseStatus::kTryLater);
  EXPECT_EQ(loop_->answers["a"].cause, Cause::kSignerUnavailable);
  token_.held->set(Mode::kFailing);  // its breaker is open
  loop_->ask("b", leaf_request());
  loop_->turn();
  EXPECT_EQ(loop_->answers["b"].cause, Cause::kSignerUnavailable);
}

TEST_F(AwaitingTest, AStandbyInThisProcessTakesOver) {
  set_up({token_.spec(), signer_spec(standard_pki().ocsp_signer, SignerRole::kStandby)});
  loop_->ask("a", leaf_request());
  EXPECT_FALSE(loop_->has("a"));
  token_.held->fail();
  loop_->turn();
  ASSERT_TRUE(loop_->has("a"));
  EXPECT_TRUE(loop_->answers["a"].signed_by(standard_pki().ocsp_signer.certificate));
}

TEST_F(AwaitingTest, RemoteStandbysAreAskedOneAfterTheOther) {
  RemoteSigner second("second"), third("third");
  set_up({token_.spec(), second.spec(SignerRole::kStandby), third.spec(SignerRole::kStandby)});
  second.held->set(Mode::kHeld);
  third.held->set(Mode::kHeld);
  loop_->ask("a", leaf_request());
  token_.held->fail();
  loop_->turn();
  ASSERT_EQ(second.held->waiting(), 1u);
  second.held->fail();
  loop_->turn();
  ASSERT_EQ(third.held->waiting(), 1u);
  EXPECT_EQ(token_.held->waiting(), 0u)
      << "one that failed is not asked again for the same request";
  third.held->answer();
  loop_->turn();
  EXPECT_TRUE(loop_->answers["a"].signed_by(*third.certificate));
  third.held->set(Mode::kFailing);
  second.held->set(Mode::kFailing);
  token_.held->set(Mode::kFailing);
  loop_->ask("none", other_request(1));
  loop_->turn();
  EXPECT_EQ(loop_->answers["none"].cause, Cause::kSignerUnavailable);
}

TEST_F(AwaitingTest, ASetupAdoptedMeanwhileIsTheOneThatAnswers) {
  set_up();
  loop_->ask("a", leaf_request());
  loop_->answerer.adopt(setup_of({delegated_spec()}));
  token_.held->answer();
  loop_->turn();
  ASSERT_TRUE(loop_->has("a"));
  EXPECT_TRUE(loop_->answers["a"].signed_by(standard_pki().ocsp_signer.certificate))
      << "the old signer may be gone for a reason";
}

TEST_F(AwaitingTest, RecordsThatChangeAllTheTimeEndInTryLater) {
  set_up();
  loop_->ask("a", leaf_request());
  int rounds = 0;
  while (!loop_->has("a") && ++rounds < 100) {
    world_->store.set(kIssuer, standard_pki().leaf.certificate.serial(),
                      revoked_at(kTestNow - Seconds(rounds)));
    token_.held->answer();
    loop_->turn();
  }
  EXPECT_LT(rounds, 20);
  EXPECT_EQ(loop_->answers["a"].cause, Cause::kSignerUnavailable);
}

TEST_F(AwaitingTest, NothingIsDeliveredToALoopThatHasEnded) {
  set_up();
  {
    OneLoop brief(*world_, desk_, clock_);
    brief.ask("a", leaf_request());
  }
  token_.held->answer();
  EXPECT_EQ(desk_->counters().in_flight.load(), 0u);
}

TEST_F(AwaitingTest, LoopsThatExchangeAnswersSignOnce) {
  set_up();
  const auto exchange = std::make_shared<AnswerExchange>(64);
  OneLoop first(*world_, desk_, clock_, exchange), second(*world_, desk_, clock_, exchange);
  first.ask("a", leaf_request());
  second.ask("b", leaf_request());
  token_.held->answer();
  first.turn();
  second.turn();
  EXPECT_EQ(first.answers["a"].etag, second.answers["b"].etag);
  EXPECT_EQ(token_.held->taken(), 2u) << "the trial, and one signature";
}

}  // namespace
}  // namespace muster::responder
