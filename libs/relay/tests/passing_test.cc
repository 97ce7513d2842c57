#include "relay_fixture.h"

// Requests that go to the upstream as they are: with several CertIDs, or with a nonce where that is
// configured.
namespace muster::relay {
namespace {

using ::testing::SizeIs;

const Buffer kNonce(32, 7);

class Passing : public EngineFixture {
 protected:
  void SetUp() override {
    options.nonce = NonceUse::kPass;
    open();
  }
};

TEST_F(Passing, SeveralCertIdsAreAnsweredByOneAnswerAboutAllOfThem) {
  want({asked(1), asked(2)});
  const Buffer octets = answer({1, 2, 3});
  fetcher.answer(octets);
  ASSERT_EQ(last(), Ending::kPassed);
  EXPECT_EQ(*told.back().octets, octets);
  want({asked(1), asked(2)});
  EXPECT_EQ(fetcher.started, 2U) << "nothing of it is held";
  fetcher.answer(answer({1}));
  EXPECT_EQ(last(), Ending::kUnavailable) << "an answer about one of two";
}

TEST_F(Passing, TheSameQuestionAtTheSameTimeIsAskedOnce) {
  want({asked(1), asked(2)});
  want({asked(1), asked(2)});
  want({asked(2), asked(1)});
  EXPECT_EQ(fetcher.started, 2U);
  fetcher.answer(answer({1, 2}));
  EXPECT_THAT(told, SizeIs(2));
}

TEST_F(Passing, TheNonceGoesThereAndBack) {
  want({asked(1)}, kNonce);
  const auto& sent = fetcher.asked();
  EXPECT_TRUE(sent.post_body || sent.url.size() > kUpstream.size());
  fetcher.answer(answer(1, {.nonce = kNonce}));
  EXPECT_EQ(last(), Ending::kPassed);
}

TEST_F(Passing, AnotherNonceIsRefused) {
  want({asked(1)}, kNonce);
  fetcher.answer(answer(1, {.nonce = Buffer(32, 8)}));
  EXPECT_EQ(last(), Ending::kUnavailable);
  EXPECT_EQ(counters.pass_failures, 1U);
}

TEST_F(Passing, AnAnswerOlderThanWhatIsHeldIsRefused) {
  want(1);
  fetcher.answer(answer(1));
  want({asked(1)}, kNonce);
  fetcher.answer(answer(1, {.this_update = -3600, .nonce = kNonce}));
  EXPECT_EQ(last(), Ending::kUnavailable);
}

TEST_F(Passing, GoodIsNotTakenForARevocationThatStands) {
  want(1);
  fetcher.answer(
      answer(1, {.status = ocsp::Revoked{kTestNow - Seconds(7200), ReasonCode::kKeyCompromise}}));
  want({asked(1)}, kNonce);
  fetcher.answer(answer(1, {.this_update = 0, .nonce = kNonce}));
  EXPECT_EQ(last(), Ending::kUnavailable);
}

TEST_F(Passing, GoodIsNotTakenForARevocationInAnotherSpellingOfTheCertId) {
  want(1);
  fetcher.answer(
      answer(1, {.status = ocsp::Revoked{kTestNow - Seconds(7200), ReasonCode::kKeyCompromise}}));
  want({asked(1, HashAlgorithm::kSha256)}, kNonce);
  fetcher.answer(answer(1, {.hash = HashAlgorithm::kSha256, .nonce = kNonce}));
  EXPECT_EQ(last(), Ending::kUnavailable);
}

TEST_F(Passing, ANonceIsLeftOutWhereThatIsConfigured) {
  options.nonce = NonceUse::kLeaveOut;
  open();
  want({asked(1)}, kNonce);
  fetcher.answer(answer(1));
  EXPECT_EQ(last(), Ending::kFetched);
  want({asked(1)}, kNonce);
  EXPECT_EQ(last(), Ending::kHeld);
}

TEST_F(Passing, AnotherFormIsRefused) {
  want({asked(1, HashAlgorithm::kSha256)}, kNonce);
  fetcher.answer(answer(1, {.hash = HashAlgorithm::kSha1, .nonce = kNonce}));
  EXPECT_EQ(last(), Ending::kUnavailable);
}

TEST_F(Passing, TheNextUpstreamIsAsked) {
  engine->adopt(setup_of({allowed({kUpstream, kSecond})}));
  engine->want(Wanted{{asked(1)}, allowed({kUpstream, kSecond}), kNonce, ""},
               [this](const Told& t) { told.push_back(t); });
  fetcher.fail();
  EXPECT_THAT(fetcher.asked().url, ::testing::StartsWith(kSecond));
  fetcher.answer(answer(1, {.nonce = kNonce}));
  EXPECT_EQ(last(), Ending::kPassed);
}

TEST_F(Passing, NoMoreArePassedAtATimeThanAllowed) {
  options.limits.max_passing = 5;
  options.limits.max_passing_per_host = 2;
  open();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    want({asked(i)}, kNonce);
  }
  EXPECT_THAT(told, SizeIs(1)) << "of one host";
  EXPECT_EQ(last(), Ending::kBusy);
  options.limits.max_passing = 1;
  fetcher.pending.clear();
  open();
  told.clear();
  want({asked(1)}, kNonce);
  want({asked(2)}, kNonce);
  EXPECT_EQ(last(), Ending::kBusy) << "in all";
}

TEST_F(Passing, WhoWaitsTooLongIsToldAndTheFetchEnds) {
  want({asked(1)}, kNonce);
  pass_time(std::chrono::ceil<Seconds>(options.limits.max_wait));
  EXPECT_EQ(last(), Ending::kLate);
  EXPECT_TRUE(fetcher.pending.empty());
  EXPECT_EQ(engine->figures().passing, 0U);
}

}  // namespace
}  // namespace muster::relay
