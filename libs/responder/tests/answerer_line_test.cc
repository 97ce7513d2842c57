// More requests that need a signature of this process than a loop has time for (decision 047).
#include <gmock/gmock.h>

#include <deque>

#include "fixture.h"
#include "signing_line.h"

namespace muster::responder {
namespace {

using Status = ocsp::ResponseStatus;

/// One loop in simulated time, in which each signature seems to take a millisecond.
class LineTest : public ::testing::Test {
 protected:
  void set_up(const Policy& policy = {}, const SigningLineLimits& limits = {}) {
    world_ = std::make_unique<World>(std::vector{delegated_spec()}, policy);
    world_->answerer.use_desk(std::make_shared<SigningDesk>(8, 8), post(), clock_);
    // Told twice for each signature, at its begin and its end.
    world_->answerer.use_line(limits, post(), [this] { return now_ += tick_; });
  }
  std::function<void(std::function<void()>)> post() {
    return [this](std::function<void()> action) { posted_.push_back(std::move(action)); };
  }
  /// Asks; the answer goes to `answers_` under `name`, now or when it comes. Whether it came at
  /// once.
  bool ask_for(const std::string& name, const ocsp::Request& request) {
    const Buffer octets = ocsp::encode_request(request);
    const Answer answer = world_->answerer.answer(octets, clock_.now(), {}, Signing::kInLine);
    if (!answer.pending) {
      answers_.emplace(name, take(answer));
      return true;
    }
    world_->answerer.await(
        octets, {}, [this, name](const Answer& later) { answers_.emplace(name, take(later)); });
    return false;
  }
  /// Requests with nonces until one waits.
  void fill_slice() {
    while (ask_for("filling " + std::to_string(answers_.size()), with_nonce(leaf_request(), 16))) {
      ASSERT_LT(answers_.size(), 100u);
    }
  }
  void turn() {
    std::deque<std::function<void()>> now;
    now.swap(posted_);
    for (auto& action : now) {
      action();
    }
  }
  void turn_to_end() {
    while (!posted_.empty()) {
      turn();
    }
  }
  [[nodiscard]] bool has(const std::string& name) const { return answers_.contains(name); }

  testing::FakeClock clock_;
  MonotonicTime now_{std::chrono::hours(1)};
  std::chrono::microseconds tick_{1000};
  std::unique_ptr<World> world_;
  std::deque<std::function<void()>> posted_;
  std::map<std::string, Taken> answers_;
};

TEST_F(LineTest, AnswersComeWhenTheLoopHasTime) {
  set_up();
  fill_slice();
  EXPECT_FALSE(ask_for("waits", with_nonce(leaf_request(), 32)));
  EXPECT_EQ(world_->counters.waiting.load(), 2u);
  turn_to_end();
  ASSERT_TRUE(has("waits"));
  EXPECT_TRUE(answers_["waits"].good());
  EXPECT_TRUE(answers_["waits"].signed_by(standard_pki().ocsp_signer.certificate));
  EXPECT_EQ(world_->counters.waiting.load(), 0u);
  EXPECT_EQ(world_->counters.waited.value(), 2u);
  EXPECT_EQ(world_->counters.good.value(), answers_.size()) << "each answer is counted once";
  EXPECT_TRUE(ask_for("at once", with_nonce(leaf_request(), 32)));
}

TEST_F(LineTest, RememberedAnswersDoNotWait) {
  set_up();
  ask_for("first", leaf_request());
  fill_slice();
  EXPECT_TRUE(ask_for("remembered", leaf_request()));
  EXPECT_EQ(answers_["remembered"].body, answers_["first"].body);
}

TEST_F(LineTest, OneSignatureServesAllWhoWaitForTheSame) {
  set_up();
  fill_slice();
  const auto before = world_->counters.signatures.value();
  EXPECT_FALSE(ask_for("a", leaf_request()));
  EXPECT_FALSE(ask_for("b", leaf_request()));
  turn_to_end();
  EXPECT_EQ(answers_["a"].body, answers_["b"].body);
  EXPECT_EQ(world_->counters.signatures.value() - before, 2u) << "that of the filling is one";
}

// No answer is good after a revocation was acknowledged, also of those who waited for it to be
// made.
TEST_F(LineTest, ARevocationWhileWaitingCounts) {
  set_up();
  fill_slice();
  ask_for("a", leaf_request());
  ask_for("nonce", with_nonce(leaf_request(), 32));
  world_->store.set(kIssuer, standard_pki().leaf.certificate.serial(), revoked_at(kTestNow));
  turn_to_end();
  EXPECT_TRUE(answers_["a"].revoked());
  EXPECT_TRUE(answers_["nonce"].revoked());
}

TEST_F(LineTest, ASetupAdoptedMeanwhileIsTheOneThatAnswers) {
  set_up();
  fill_slice();
  ask_for("a", leaf_request());
  const Identity next = testing::issue(standard_pki().intermediate, testing::ocsp_signer_spec("n"));
  world_->answerer.adopt(setup_of({delegated_spec(standard_pki().intermediate, next)}));
  turn_to_end();
  EXPECT_TRUE(answers_["a"].signed_by(next.certificate));
}

// req: OCSP-RESP-083
TEST_F(LineTest, WhoWouldWaitTooLongIsRefusedAtOnce) {
  set_up({}, {.most = 3});
  fill_slice();
  ask_for("b", with_nonce(leaf_request(), 32));
  ask_for("c", with_nonce(leaf_request(), 32));
  const auto signatures = world_->counters.signatures.value();
  EXPECT_TRUE(ask_for("d", with_nonce(leaf_request(), 32)));
  EXPECT_EQ(answers_["d"].status(), Status::kTryLater);
  EXPECT_EQ(answers_["d"].cause, Cause::kSigningQueueFull);
  EXPECT_EQ(world_->counters.signatures.value(), signatures);
  EXPECT_EQ(
      world_->answerer.explain(ocsp::encode_request(with_nonce(leaf_request(), 32)), clock_.now())
          .cause,
      Cause::kSigningQueueFull);
  turn_to_end();
  EXPECT_TRUE(answers_["c"].good());
}

TEST_F(LineTest, WithoutNonceWhereThatIsThePolicy) {
  Policy policy;
  policy.nonce_overload = NonceOverload::kWithoutNonce;
  set_up(policy, {.most = 1});
  ask_for("first", leaf_request());
  fill_slice();
  EXPECT_TRUE(ask_for("nonce", with_nonce(leaf_request(), 32)));
  EXPECT_EQ(answers_["nonce"].body, answers_["first"].body);
  EXPECT_EQ(world_->counters.nonces_left_out.value(), 1u);
}

TEST_F(LineTest, WhoWaitedFarTooLongIsRefused) {
  set_up();
  fill_slice();
  ask_for("late", with_nonce(leaf_request(), 32));
  now_ += std::chrono::seconds(5);
  turn_to_end();
  EXPECT_EQ(answers_["late"].cause, Cause::kSigningQueueFull);
}

TEST_F(LineTest, WhoWaitedFarTooLongGetsWhatIsRememberedWhereThatIsThePolicy) {
  Policy policy;
  policy.nonce_overload = NonceOverload::kWithoutNonce;
  set_up(policy);
  ask_for("first", leaf_request());
  fill_slice();
  ask_for("late", with_nonce(leaf_request(), 32));
  now_ += std::chrono::seconds(5);
  turn_to_end();
  EXPECT_EQ(answers_["late"].body, answers_["first"].body);
}

TEST_F(LineTest, TheLimitOfASecondIsTakenOnce) {
  Policy policy;
  policy.signatures_per_second = 4;
  set_up(policy);
  fill_slice();
  const std::size_t made = answers_.size();
  ASSERT_LT(made, 4u);
  ask_for("last", with_nonce(leaf_request(), 32));
  turn_to_end();
  int good = 0;
  for (const auto& [name, taken] : answers_) {
    good += taken.good() ? 1 : 0;
  }
  EXPECT_EQ(good, static_cast<int>(answers_.size())) << "who waits has his signature already";
}

TEST_F(LineTest, BatchesHaveTurnsOfTheirOwn) {
  set_up({}, {.most = 1});
  fill_slice();
  const Answer answer =
      world_->answerer.answer(ocsp::encode_request(with_nonce(leaf_request(), 32)), clock_.now());
  EXPECT_FALSE(answer.pending);
  EXPECT_EQ(answer.cause, Cause::kNone);
}

}  // namespace
}  // namespace muster::responder
