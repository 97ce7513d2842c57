#include <cerrno>

#include "muster/base/atomic_file.h"
#include "relay_fixture.h"

// A final revocation counts for the certificate, in whatever spelling of its CertID it was told.
namespace muster::relay {
namespace {

constexpr HashAlgorithm kSha256 = HashAlgorithm::kSha256;

class RelaySpellings : public EngineFixture {
 protected:
  const ocsp::CertStatus revoked =
      ocsp::Revoked{kTestNow - Seconds(7200), ReasonCode::kKeyCompromise};
};

TEST_F(RelaySpellings, GoodInAnotherSpellingIsNotTakenWhileARevocationLives) {
  want(1);
  fetcher.answer(answer(1, {.status = revoked}));
  want(1, kSha256);
  fetcher.answer(answer(1, {.hash = kSha256}));
  EXPECT_EQ(last(), Ending::kUnavailable);
  want(2, kSha256);
  fetcher.answer(answer(2, {.hash = kSha256}));
  EXPECT_EQ(last(), Ending::kFetched) << "another certificate";
  pass_time(options.limits.failed_for);
  want(1, kSha256);
  fetcher.answer(answer(1, {.hash = kSha256, .status = revoked}));
  EXPECT_EQ(last(), Ending::kFetched) << "the upstream has caught up";
}

TEST_F(RelaySpellings, UnknownInAnotherSpellingIsNotTold) {
  want(1);
  fetcher.answer(answer(1, {.status = revoked}));
  want(1, kSha256);
  fetcher.answer(answer(1, {.hash = kSha256, .status = ocsp::Unknown{}}));
  EXPECT_EQ(last(), Ending::kUnavailable);
}

TEST_F(RelaySpellings, UnknownThatIsRememberedEndsWithAnAnswerInAnotherSpelling) {
  const ocsp::CertStatus statuses[] = {revoked, ocsp::Good{}};
  std::uint64_t i = 0;
  for (const ocsp::CertStatus& status : statuses) {
    want(++i, kSha256);
    fetcher.answer(answer(i, {.hash = kSha256, .status = ocsp::Unknown{}}));
    ASSERT_EQ(last(), Ending::kUnknown);
    want(i);
    fetcher.answer(answer(i, {.status = status}));
    ASSERT_EQ(last(), Ending::kFetched);
    told.clear();
    want(i, kSha256);
    EXPECT_TRUE(told.empty()) << "it is asked for anew";
    fetcher.answer(answer(i, {.hash = kSha256, .status = status}));
    EXPECT_EQ(last(), Ending::kFetched);
  }
}

TEST_F(RelaySpellings, UnknownOfTheRoundUnderWayEndsWithARevocationInAnotherSpelling) {
  open(setup_of({allowed({kUpstream, kSecond})}));
  want(1, kSha256);
  fetcher.answer(answer(1, {.hash = kSha256, .status = ocsp::Unknown{}}));
  ASSERT_THAT(fetcher.asked().url, ::testing::StartsWith(kSecond));
  want(1);
  const auto asked_second = fetcher.pending.extract(fetcher.pending.begin());
  fetcher.answer(answer(1, {.status = revoked}));
  ASSERT_EQ(last(), Ending::kFetched);
  asked_second.mapped().done(
      Err{net::FetchError{net::FetchErrc::kConnect, "nobody listens", 0, std::nullopt}});
  EXPECT_EQ(last(), Ending::kUnavailable) << "not the unknown from before the revocation";
}

TEST_F(RelaySpellings, GoodThatIsHeldInAnotherSpellingIsWithdrawnAndAskedForAgain) {
  want(1, kSha256);
  fetcher.answer(answer(1, {.hash = kSha256}));
  const std::size_t held = engine->figures().held_bytes;
  want(1);
  const Buffer news = answer(1, {.status = revoked});
  fetcher.answer(news);
  EXPECT_EQ(last(), Ending::kFetched);
  EXPECT_EQ(shelf->find(asked(1, kSha256).key, clock.now()), nullptr);
  EXPECT_EQ(engine->figures().answers, 1U);
  EXPECT_EQ(engine->figures().held_bytes, news.size()) << "before: " << held;
  EXPECT_EQ(fetcher.started, 3U) << "without anybody asking";
  told.clear();
  want(1, kSha256);
  EXPECT_TRUE(told.empty()) << "it waits for what is being asked";
  fetcher.answer(answer(1, {.hash = kSha256, .status = revoked}));
  ASSERT_EQ(last(), Ending::kFetched);
  EXPECT_EQ(told.back().held->facts.status, keeper::StapleStatus::kRevoked);
}

TEST_F(RelaySpellings, WhatIsWithdrawnIsReplacedAlsoWhenItsFileCannotBeRemoved) {
  want(1, kSha256);
  fetcher.answer(answer(1, {.hash = kSha256}));
  files.remove_error = -EROFS;
  want(1);
  fetcher.answer(answer(1, {.status = revoked}));
  EXPECT_EQ(shelf->find(asked(1, kSha256).key, clock.now()), nullptr);
  EXPECT_TRUE(read_file(shelf->path_of(asked(1, kSha256).key), 1 << 20));
  want(1, kSha256);
  fetcher.answer(answer(1, {.hash = kSha256, .status = revoked}));
  ASSERT_EQ(last(), Ending::kFetched) << "the next answer is held";
  EXPECT_EQ(told.back().held->facts.status, keeper::StapleStatus::kRevoked);
}

TEST_F(RelaySpellings, WhatAJumpOfTheClockBringsBackFromDiskIsWithdrawnAgain) {
  want(1, kSha256);
  fetcher.answer(answer(1, {.hash = kSha256}));
  files.remove_error = -EROFS;
  want(1);
  fetcher.answer(answer(1, {.status = revoked}));
  clock.jump_to(kTestNow + Seconds(60));
  engine->turn();
  EXPECT_EQ(shelf->find(asked(1, kSha256).key, clock.now()), nullptr);
}

TEST_F(RelaySpellings, ARestartDoesNotBringItBack) {
  want(1, kSha256);
  fetcher.answer(answer(1, {.hash = kSha256}));
  const std::string path = shelf->path_of(asked(1, kSha256).key);
  const auto good = read_file(path, 1 << 20);
  ASSERT_TRUE(good);
  want(1);
  fetcher.answer(answer(1, {.status = revoked}));
  // As if the process had ended before the file was removed.
  ASSERT_TRUE(write_file_atomically(path, *good));
  open();
  told.clear();
  want(1, kSha256);
  EXPECT_NE(last(), Ending::kHeld);
  want(1);
  EXPECT_EQ(last(), Ending::kHeld);
  EXPECT_EQ(told.back().held->facts.status, keeper::StapleStatus::kRevoked);
}

}  // namespace
}  // namespace muster::relay
