#include "muster/base/atomic_file.h"
#include "muster/keeper/shelf_file.h"
#include "relay_fixture.h"

namespace muster::relay {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class RelayEngine : public EngineFixture {};

TEST_F(RelayEngine, FetchesOnceThenAnswersFromWhatIsHeld) {
  want(1);
  EXPECT_TRUE(told.empty());
  const Buffer octets = answer(1);
  fetcher.answer(octets);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(last(), Ending::kFetched);
  EXPECT_TRUE(equal(told[0].held->der(), octets)) << "octets as received";
  want(1);
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_EQ(last(), Ending::kHeld);
  EXPECT_EQ(fetcher.started, 1U);
}

TEST_F(RelayEngine, WhoeverAsksTheSameMeanwhileWaitsForTheSameFetch) {
  for (int i = 0; i < 50; ++i) {
    want(1);
  }
  EXPECT_EQ(fetcher.started, 1U);
  EXPECT_EQ(counters.joined, 49U);
  fetcher.answer(answer(1));
  EXPECT_THAT(told, SizeIs(50));
  EXPECT_EQ(last(), Ending::kFetched);
}

TEST_F(RelayEngine, EachSpellingOfACertIdIsAQuestionOfItsOwn) {
  want(1);
  fetcher.answer(answer(1));
  want(1, HashAlgorithm::kSha256);
  ASSERT_EQ(fetcher.started, 2U) << "a SHA-1 answer does not answer a SHA-256 request";
  fetcher.answer(answer(1));  // an upstream that answers in the form it prefers
  EXPECT_EQ(last(), Ending::kUnavailable);
  EXPECT_EQ(counters.other_form, 1U);
  pass_time(options.limits.failed_for);
  want(1, HashAlgorithm::kSha256);
  fetcher.answer(answer(1, {.hash = HashAlgorithm::kSha256}));
  EXPECT_EQ(last(), Ending::kFetched);
  EXPECT_EQ(engine->figures().answers, 2U);
}

TEST_F(RelayEngine, NothingButTheAllowListIsAsked) {
  const pki::Certificate& stranger = pki.root.certificate;
  want({asked_of(HashAlgorithm::kSha1, client::Subject(stranger, serial(1)), stranger)});
  EXPECT_EQ(last(), Ending::kNotAllowed);
  want(2);
  EXPECT_THAT(fetcher.asked().url, ::testing::StartsWith(kUpstream));
  EXPECT_EQ(fetcher.asked().max_redirects, 0U) << "a redirect leads off the list";
  EXPECT_EQ(fetcher.started, 1U);
}

TEST_F(RelayEngine, UnknownIsToldButNeitherHeldNorAskedAgainAtOnce) {
  want(1);
  const Buffer octets = answer(1, {.status = ocsp::Unknown{}});
  fetcher.answer(octets);
  ASSERT_EQ(last(), Ending::kUnknown);
  EXPECT_EQ(*told.back().octets, octets);
  want(1);
  EXPECT_EQ(last(), Ending::kUnknown);
  EXPECT_EQ(fetcher.started, 1U);
  EXPECT_EQ(counters.remembered, 1U);
  EXPECT_EQ(engine->figures().answers, 0U);
  pass_time(options.limits.refused_for);
  want(1);
  fetcher.answer(answer(1));
  EXPECT_EQ(last(), Ending::kFetched) << "issued meanwhile";
}

TEST_F(RelayEngine, UnauthorizedIsHandedOnOnlyWhenNobodyKnewMore) {
  open(setup_of({allowed({kUpstream, kSecond})}));
  const Buffer refusal = ocsp::encode_error_response(ocsp::ResponseStatus::kUnauthorized);
  want(1);
  fetcher.answer(refusal);
  ASSERT_THAT(fetcher.asked().url, ::testing::StartsWith(kSecond));
  fetcher.answer(refusal);
  EXPECT_EQ(last(), Ending::kUnauthorized);
  want(2);
  fetcher.answer(refusal);
  fetcher.fail();
  EXPECT_EQ(last(), Ending::kUnavailable) << "who could not be reached might know";
}

TEST_F(RelayEngine, AFailureSparesTheUpstreamForAWhile) {
  want(1);
  fetcher.fail();
  EXPECT_EQ(last(), Ending::kUnavailable);
  want(1);
  EXPECT_EQ(last(), Ending::kUnavailable);
  EXPECT_EQ(fetcher.started, 1U);
  pass_time(options.limits.failed_for);
  want(1);
  EXPECT_EQ(fetcher.started, 2U);
}

TEST_F(RelayEngine, WhoWaitsTooLongIsToldAndTheAnswerIsHeldAllTheSame) {
  want(1);
  pass_time(std::chrono::ceil<Seconds>(options.limits.max_wait));
  EXPECT_EQ(last(), Ending::kLate);
  fetcher.answer(answer(1));
  EXPECT_THAT(told, SizeIs(1)) << "once";
  want(1);
  EXPECT_EQ(last(), Ending::kHeld);
}

TEST_F(RelayEngine, AHangingUpstreamIsGivenUpAndTheNextIsAsked) {
  open(setup_of({allowed({kUpstream, kSecond})}));
  want(1);
  pass_time(options.plan.fetch_deadline);
  EXPECT_EQ(counters.given_up, 1U);
  ASSERT_THAT(fetcher.pending, SizeIs(1));
  EXPECT_THAT(fetcher.asked().url, ::testing::StartsWith(kSecond));
}

TEST_F(RelayEngine, AnswersAreRefreshedAheadAndNeverReplacedByWorse) {
  want(1);
  fetcher.answer(answer(1));
  pass_time(Seconds(86400 * 30 / 100));
  ASSERT_EQ(fetcher.started, 2U) << "before a third of its life has passed";
  fetcher.answer(answer(1, {.this_update = -86400 * 2}));  // older
  want(1);
  ASSERT_EQ(last(), Ending::kHeld);
  EXPECT_LT(told.back().held->facts.this_update, kTestNow);
  EXPECT_GT(told.back().held->facts.this_update, kTestNow - Seconds(3600));
}

TEST_F(RelayEngine, OutagesAreSurvivedUpToTheAnswersEndAndNotBeyond) {
  want(1);
  fetcher.answer(answer(1));
  for (int hour = 0; hour < 23; ++hour) {
    pass_time(Seconds(3600));
    while (!fetcher.pending.empty()) {
      fetcher.fail();
    }
    want(1);
    ASSERT_EQ(last(), Ending::kHeld) << hour;
  }
  pass_time(Seconds(3600));
  while (!fetcher.pending.empty()) {
    fetcher.fail();
  }
  told.clear();
  want(1);
  for (int i = 0; i < 20 && told.empty(); ++i) {
    pass_time(Seconds(1));
    while (!fetcher.pending.empty()) {
      fetcher.fail();
    }
  }
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(status_for(last()), ocsp::ResponseStatus::kTryLater) << to_string(last());
}

TEST_F(RelayEngine, AFinalRevocationIsNotTakenBack) {
  want(1);
  fetcher.answer(
      answer(1, {.status = ocsp::Revoked{kTestNow - Seconds(7200), ReasonCode::kKeyCompromise}}));
  pass_time(Seconds(86400 * 30 / 100));
  ASSERT_EQ(fetcher.started, 2U);
  fetcher.answer(answer(1));
  want(1);
  ASSERT_EQ(last(), Ending::kHeld);
  EXPECT_EQ(told.back().held->facts.status, keeper::StapleStatus::kRevoked);
}

TEST_F(RelayEngine, AnAnswerOfTomorrowWaitsForItsDay) {
  want(1);
  fetcher.answer(answer(1, {.this_update = 600}));
  EXPECT_EQ(last(), Ending::kUnavailable);
  pass_time(Seconds(601));
  want(1);
  EXPECT_EQ(last(), Ending::kHeld);
}

TEST_F(RelayEngine, ARestartWithEverythingDownForgetsNothing) {
  for (std::uint64_t i = 1; i <= 20; ++i) {
    want(i, i % 2 == 0 ? HashAlgorithm::kSha1 : HashAlgorithm::kSha256);
    fetcher.answer(answer(i, {.hash = i % 2 == 0 ? HashAlgorithm::kSha1 : HashAlgorithm::kSha256}));
  }
  fetcher.pending.clear();
  told.clear();
  open();
  for (std::uint64_t i = 1; i <= 20; ++i) {
    want(i, i % 2 == 0 ? HashAlgorithm::kSha1 : HashAlgorithm::kSha256);
    EXPECT_EQ(last(), Ending::kHeld) << i;
  }
  EXPECT_THAT(told, SizeIs(20));
}

TEST_F(RelayEngine, AClockThatBeginsInThePastDeletesNothing) {
  want(1);
  fetcher.answer(answer(1));
  clock.jump_to(kTestNow - Seconds(365 * 86400));
  told.clear();
  open();
  EXPECT_EQ(engine->figures().answers, 0U);
  clock.jump_to(kTestNow);
  want(1);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(last(), Ending::kHeld);
}

TEST_F(RelayEngine, WhatAWrongClockTookAwayIsBackWhenItIsSetRight) {
  want(1);
  fetcher.answer(answer(1));
  clock.jump_to(kTestNow + Seconds(30 * 86400));
  engine->turn();
  EXPECT_EQ(engine->figures().answers, 0U) << "expired, as far as anybody knows";
  while (!fetcher.pending.empty()) {
    fetcher.fail();
  }
  clock.jump_to(kTestNow);
  engine->turn();
  told.clear();
  want(1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(last(), Ending::kHeld);
}

TEST_F(RelayEngine, FilesThatAWrongClockLeftOutAreTakenUpWhenItIsSetRight) {
  want(1);
  fetcher.answer(answer(1));
  for (const Seconds wrong : {Seconds(-365 * 86400), options.keep_asked + Seconds(86400)}) {
    clock.jump_to(kTestNow + wrong);
    open();
    EXPECT_EQ(engine->figures().answers, 0U);
    clock.jump_to(kTestNow);
    engine->turn();
    EXPECT_EQ(engine->figures().answers, 1U) << "before anybody asks";
  }
}

TEST_F(RelayEngine, WhatLiesOnDiskIsVerifiedAgain) {
  want(1);
  fetcher.answer(answer(1));
  want(2);
  fetcher.answer(answer(2));
  // Somebody puts the answer about 2 where that about 1 belongs.
  const std::string one = shelf->path_of(asked(1).key);
  const auto two = read_file(shelf->path_of(asked(2).key), 1 << 20);
  ASSERT_TRUE(two);
  ASSERT_TRUE(write_file_atomically(one, *two));
  told.clear();
  open();
  want(1);
  EXPECT_TRUE(told.empty()) << "it is asked for anew";
  want(2);
  EXPECT_EQ(last(), Ending::kHeld);
}

TEST_F(RelayEngine, ConfiguredCertificatesAreFetchedBeforeAnybodyAsks) {
  keeper::Watched watched{{"leaf", pki.leaf.certificate, ca}, {kUpstream}};
  open(setup_of({}, {watched}, {HashAlgorithm::kSha1, HashAlgorithm::kSha256}));
  EXPECT_EQ(fetcher.started, 2U);
  EXPECT_FALSE(engine->figures().first_round_over);
  fetcher.fail();
  fetcher.fail();
  const EngineFigures figures = engine->figures();
  EXPECT_TRUE(figures.first_round_over);
  ASSERT_THAT(figures.certificates, SizeIs(2));
  EXPECT_EQ(figures.certificates[0].state, keeper::CertificateState::kMissing);
  EXPECT_THAT(figures.certificates[0].last_error,
              HasSubstr(std::string(to_string(net::FetchErrc::kConnect))));
  pass_time(Seconds(60));
  EXPECT_GT(fetcher.started, 2U) << "they are asked for again by themselves";
}

TEST_F(RelayEngine, WhatNobodyAsksForIsForgotten) {
  want(1);
  fetcher.answer(answer(1, {.next_update = 86400 * 30}));
  pass_time(options.keep_asked - Seconds(60));
  engine->note_asked({asked(1).key});
  pass_time(Seconds(3600));
  EXPECT_EQ(engine->figures().answers, 1U) << "it was asked for within that time";
  pass_time(options.keep_asked);
  EXPECT_EQ(engine->figures().answers, 0U);
  EXPECT_EQ(counters.forgotten, 1U);
}

TEST_F(RelayEngine, AnIssuerTakenOffTheListIsNotAnsweredFor) {
  want(1);
  fetcher.answer(answer(1));
  want(2);  // still waiting
  engine->adopt(setup_of({{"root", pki.root.certificate, {kUpstream}}}));
  EXPECT_EQ(last(), Ending::kNotAllowed);
  EXPECT_THAT(told, SizeIs(2));
  want(1);
  EXPECT_EQ(last(), Ending::kNotAllowed);
  EXPECT_EQ(engine->figures().answers, 0U);
}

TEST_F(RelayEngine, FilesAboutAnIssuerTakenOffTheListAreRemoved) {
  const auto others = setup_of({{"root", pki.root.certificate, {kUpstream}}});
  want(1);
  fetcher.answer(answer(1));
  const std::string path = shelf->path_of(asked(1).key);
  // Not a relay's: a stapler calls its files after certificates.
  const Buffer staple = keeper::encode_shelf_file(pki.leaf.certificate.fingerprint(), clock.now(),
                                                  kUpstream, answer(1));
  const std::string foreign = shelf->path_of(pki.leaf.certificate.fingerprint());
  ASSERT_TRUE(write_file_atomically(foreign, staple));
  ASSERT_TRUE(read_file(path, 1 << 20));
  open(others);
  EXPECT_FALSE(read_file(path, 1 << 20)) << "taken off while the relay did not run";
  EXPECT_TRUE(read_file(foreign, 1 << 20));
  open();
  want(1);
  fetcher.answer(answer(1));
  ASSERT_TRUE(read_file(path, 1 << 20));
  engine->adopt(others);
  EXPECT_FALSE(read_file(path, 1 << 20)) << "taken off while it runs";
}

TEST_F(RelayEngine, RelaysTellEachOtherWhoAsked) {
  want({asked(1)}, {}, "1.1 muster-relay-first");
  EXPECT_THAT(fetcher.asked().headers,
              ::testing::Contains("Via: 1.1 muster-relay-first, 1.1 muster-relay-test"));
}

TEST_F(RelayEngine, CountsAnswersThatOcppHasNoRoomFor) {
  options.base64_limit = 600;
  open();
  want(1);
  fetcher.answer(answer(1));
  EXPECT_EQ(counters.long_base64, 1U);
  EXPECT_EQ(last(), Ending::kFetched) << "they are handed out all the same";
}

// ---- limits

TEST_F(RelayEngine, NoMoreCertIdsArePendingThanAllowed) {
  options.limits.max_pending = 2;
  open();
  want(1);
  want(2);
  want(3);
  EXPECT_EQ(last(), Ending::kBusy);
  want(2);
  EXPECT_THAT(told, SizeIs(1)) << "joining takes no place";
  fetcher.answer(answer(1));
  want(3);
  EXPECT_THAT(told, SizeIs(2)) << "one has come free";
}

TEST_F(RelayEngine, AHostThatHangsTakesItsShareOfThePlacesAndNotAll) {
  options.limits.max_pending = 10;
  options.limits.max_pending_per_host = 3;
  const pki::Certificate& root = pki.root.certificate;
  const auto both = setup_of({allowed(), {"root", root, {kSecond}}});
  open(both);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    want(i);
  }
  EXPECT_THAT(told, SizeIs(2));
  EXPECT_EQ(last(), Ending::kBusy);
  want({asked_of(HashAlgorithm::kSha1, client::Subject(root, serial(1)), root)});
  EXPECT_THAT(told, SizeIs(2)) << "another CA's certificates are asked for all the same";
}

// Else three requests of a stranger would put an upstream to rest for everybody.
TEST_F(RelayEngine, RefusalsOfStrangersQuestionsAreNotHeldAgainstTheHost) {
  for (unsigned i = 1; i <= 4; ++i) {
    want(i);
    ASSERT_EQ(fetcher.started, i);
    fetcher.answer(ocsp::encode_error_response(ocsp::ResponseStatus::kTryLater));
  }
  want(5);
  ASSERT_EQ(fetcher.started, 5U);
  fetcher.answer(answer(5));
  EXPECT_EQ(last(), Ending::kFetched);
}

TEST_F(RelayEngine, NobodyWaitsForAnUpstreamThatIsKnownToBeDown) {
  for (std::uint64_t i = 1; i <= options.plan.open_after; ++i) {
    want(i);
    fetcher.fail();
  }
  const std::size_t started = fetcher.started;
  want(77);
  EXPECT_THAT(told, SizeIs(options.plan.open_after + 1));
  EXPECT_EQ(last(), Ending::kUnavailable);
  EXPECT_EQ(fetcher.started, started);
  EXPECT_EQ(engine->figures().pending, 0U);
  pass_time(options.plan.most_rest);
  want(77);
  fetcher.answer(answer(77));
  EXPECT_EQ(last(), Ending::kFetched) << "and is asked again once it has rested";
}

TEST_F(RelayEngine, NoMoreRequestsWaitThanAllowed) {
  options.limits.max_waiting = 3;
  open();
  for (int i = 0; i < 4; ++i) {
    want(1);
  }
  EXPECT_THAT(told, SizeIs(1));
  EXPECT_EQ(last(), Ending::kBusy);
}

TEST_F(RelayEngine, WhatNobodyAskedForLongestMakesRoom) {
  options.limits.max_answers = 2;
  open();
  for (std::uint64_t i = 1; i <= 2; ++i) {
    want(i);
    fetcher.answer(answer(i));
    pass_time(Seconds(1));
  }
  engine->note_asked({asked(1).key});
  want(3);
  fetcher.answer(answer(3));
  EXPECT_EQ(counters.evicted, 1U);
  told.clear();
  want(1);
  EXPECT_EQ(last(), Ending::kHeld);
  told.clear();
  want(2);
  EXPECT_TRUE(told.empty()) << "it went, with its file";
}

TEST_F(RelayEngine, NoMoreOctetsAreHeldThanAllowed) {
  options.limits.max_held_bytes = 3 * answer(1).size();
  open();
  for (std::uint64_t i = 1; i <= 10; ++i) {
    want(i);
    fetcher.answer(answer(i));
    pass_time(Seconds(1));
  }
  const EngineFigures figures = engine->figures();
  EXPECT_LE(figures.held_bytes, options.limits.max_held_bytes);
  EXPECT_GE(figures.answers, 2U);
}

TEST_F(RelayEngine, RefusalsAreRememberedUpToALimit) {
  options.limits.max_refusals = 2;
  open();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    want(i);
    fetcher.answer(answer(i, {.status = ocsp::Unknown{}}));
  }
  EXPECT_EQ(fetcher.started, 3U);
  want(3);
  EXPECT_EQ(fetcher.started, 3U);
  want(1);
  EXPECT_EQ(fetcher.started, 4U) << "the oldest gave way";
}

TEST_F(RelayEngine, OctetsOfRefusalsAreRememberedUpToALimit) {
  const AnswerSpec unknown{.status = ocsp::Unknown{}};
  options.limits.max_refusal_bytes = answer(1, unknown).size() * 5 / 2;  // two, not three
  open();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    want(i);
    fetcher.answer(answer(i, unknown));
  }
  want(3);
  want(2);
  EXPECT_EQ(last(), Ending::kUnknown);
  EXPECT_EQ(fetcher.started, 3U);
  want(1);
  EXPECT_EQ(fetcher.started, 4U) << "the oldest gave way";
  fetcher.fail();
  EXPECT_EQ(last(), Ending::kUnavailable);
  want(2);
  EXPECT_EQ(last(), Ending::kUnknown) << "a failure has no octets: nothing gave way to it";
  // One that was told again does not count twice.
  pass_time(options.limits.refused_for);
  want(3);
  fetcher.answer(answer(3, unknown));
  want(2);
  fetcher.answer(answer(2, unknown));
  const std::size_t started = fetcher.started;
  want(3);
  want(2);
  EXPECT_EQ(fetcher.started, started);
}

TEST_F(RelayEngine, StoppingTellsEverybodyWhoWaits) {
  want(1);
  want({asked(1), asked(2)});
  engine->stop();
  EXPECT_THAT(told, SizeIs(2));
  EXPECT_EQ(last(), Ending::kUnavailable);
  EXPECT_TRUE(fetcher.pending.empty());
  want(3);
  EXPECT_THAT(told, SizeIs(3));
}

}  // namespace
}  // namespace muster::relay
