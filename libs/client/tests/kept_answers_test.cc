#include <filesystem>

#include "gather_world.h"
#include "muster/testing/temp_dir.h"

// OCSP answers that are kept between runs (decision 048).
namespace muster::client {
namespace {

using namespace gather_testing;
using ::testing::IsEmpty;

constexpr const char* kPublic = "http://ocsp.example.com/";

class KeptAnswers : public ::testing::Test {
 protected:
  KeptAnswers() { options_.reach = Reach::kAnywhere; }
  /// A run of its own, as a process is; the clock stands where it is.
  Verdict run(World& world) { return run_about(world, leaf_); }
  Verdict run_about(World& world, const pki::Certificate& certificate) {
    Sources sources(world.fetch(), {.cache_directory = directory_.file("cache"), .clock = &clock_});
    Material material(certificate);
    material.others = {P().intermediate.certificate};
    what_.emplace(gather(material, options_, clock_, sources));
    return judge(*what_, clock_.now());
  }
  static pki::Certificate leaf_of(const char* url) {
    return make_leaf([url](CertificateSpec& s) { s.ocsp_uris = {url}; });
  }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.file("cache"))) {
      all.push_back(entry.path());
    }
    return all;
  }
  /// A world whose responder says `max_age`, or nothing of that.
  static World world_of(Buffer body, std::optional<Seconds> max_age) {
    World world;
    world.answer(kPublic, std::move(body));
    world.max_age = max_age;
    return world;
  }

  TempDir directory_;
  FakeClock clock_;
  pki::Certificate leaf_ = leaf_of(kPublic);
  GatherOptions options_;
  std::optional<Case> what_;
};

// req: OCSP-CLI-056
TEST_F(KeptAnswers, AreNotAskedForAgainBeforeTheirMaxAgeIsOver) {
  World world = world_of(answer_about(leaf_), Seconds(60));
  const Verdict first = run(world);
  EXPECT_EQ(first.outcome, Outcome::kGood);
  EXPECT_FALSE(has(first, "answer-from-cache"));
  clock_.advance(Seconds(59));
  const Verdict second = run(world);
  EXPECT_EQ(second.outcome, Outcome::kGood);
  EXPECT_TRUE(has(second, "answer-from-cache"));
  EXPECT_EQ(find(*what_, Channel::kLive)->kept_since, kTestNow);
  EXPECT_EQ(world.asked.size(), 1u);
  clock_.advance(Seconds(1));
  EXPECT_FALSE(has(run(world), "answer-from-cache"));
  EXPECT_EQ(world.asked.size(), 2u);
  clock_.jump_to(kTestNow - Seconds(100));
  run(world);
  EXPECT_EQ(world.asked.size(), 3u) << "a copy from the future is not fresh";
}

TEST_F(KeptAnswers, AreAskedForAfterAnHourWhateverTheHeadSays) {
  World world = world_of(answer_about(leaf_), hours(12));
  run(world);
  clock_.advance(Seconds(3600));
  run(world);
  EXPECT_EQ(world.asked.size(), 2u);
}

TEST_F(KeptAnswers, OfRespondersOfOnesOwnAreAlwaysAskedFor) {
  leaf_ = leaf_of(kOcsp);
  World world;
  world.answer(kOcsp, answer_about(leaf_));
  world.max_age = hours(1);
  run(world);
  EXPECT_FALSE(has(run(world), "answer-from-cache"));
  EXPECT_EQ(world.asked.size(), 2u);
}

TEST_F(KeptAnswers, AreNoAnswersWhereANonceIsDemanded) {
  World world = world_of(answer_about(leaf_), hours(1));
  options_.live.nonce = NonceUse::kSend;
  run(world);
  EXPECT_THAT(files(), IsEmpty());
  options_.live.nonce = NonceUse::kNone;
  run(world);
  options_.live.nonce = NonceUse::kSend;
  EXPECT_FALSE(has(run(world), "answer-from-cache"));
  EXPECT_EQ(world.asked.size(), 3u);
  World silent;
  EXPECT_EQ(run(silent).outcome, Outcome::kUndetermined);
}

// req: OCSP-CLI-021
TEST_F(KeptAnswers, StandUnderSilenceAndErrorsAsLongAsTheyAreCurrent) {
  const Buffer try_later = {0x30, 0x03, 0x0a, 0x01, 0x03};
  const Buffer unauthorized = {0x30, 0x03, 0x0a, 0x01, 0x06};
  World world = world_of(answer_about(leaf_), std::nullopt);
  ASSERT_EQ(run(world).outcome, Outcome::kGood);
  World silent;
  World late = world_of(try_later, hours(1));
  World refusing = world_of(unauthorized, hours(1));
  for (World* const other : {&silent, &late, &refusing}) {
    const Verdict kept = run(*other);
    EXPECT_EQ(kept.outcome, Outcome::kWarning);
    EXPECT_TRUE(has(kept, "answer-from-cache"));
    EXPECT_TRUE(has(kept, other == &silent ? "transport-error" : "responder-error"));
  }
  clock_.jump_to(kTestNow + Seconds(86400));  // nextUpdate
  EXPECT_EQ(run(silent).outcome, Outcome::kUndetermined);
}

TEST_F(KeptAnswers, StandForRevokedToo) {
  World world =
      world_of(answer_about(leaf_, ocsp::Revoked{kTestNow - hours(2), std::nullopt}), hours(1));
  ASSERT_EQ(run(world).outcome, Outcome::kRevoked);
  World silent;
  EXPECT_EQ(run(silent).outcome, Outcome::kRevoked);
  clock_.advance(hours(2));
  EXPECT_EQ(run(silent).outcome, Outcome::kRevoked);
}

TEST_F(KeptAnswers, HideNoAnswerThatCannotBeAccepted) {
  World world = world_of(answer_about(leaf_), std::nullopt);
  run(world);
  World garbage = world_of({0x30, 0x00}, std::nullopt);
  const Verdict verdict = run(garbage);
  EXPECT_EQ(verdict.outcome, Outcome::kUnacceptable);
  EXPECT_FALSE(has(verdict, "answer-from-cache"));
}

// A CRL may know of a revocation that the copy cannot know of.
TEST_F(KeptAnswers, HoldNoCrlBack) {
  leaf_ = make_leaf([](CertificateSpec& s) {
    s.ocsp_uris = {kPublic};
    s.crl_uris = {kCrl};
  });
  World world = world_of(answer_about(leaf_), std::nullopt);
  ASSERT_EQ(run(world).outcome, Outcome::kGood);
  World crl_alone;
  crl_alone.answer(kCrl, crl_with({revoked_entry(leaf_.serial())}));
  EXPECT_EQ(run(crl_alone).outcome, Outcome::kRevoked);
}

TEST_F(KeptAnswers, ThatWereTamperedWithAreNone) {
  World world = world_of(answer_about(leaf_), hours(1));
  run(world);
  ASSERT_EQ(files().size(), 1u);
  Buffer octets = read_octets(files().front());
  octets.back() ^= 1;  // of the signer's certificate, or its signature
  for (std::size_t i = 4096 + 200; i < 4096 + 210; ++i) {
    octets[i] ^= 1;
  }
  const std::string name = "cache/" + std::filesystem::path(files().front()).filename().string();
  directory_.write(name, octets);
  EXPECT_FALSE(has(run(world), "answer-from-cache"));
  EXPECT_EQ(world.asked.size(), 2u);
  directory_.write(name, octets);
  World silent;
  EXPECT_EQ(run(silent).outcome, Outcome::kUndetermined);
}

TEST_F(KeptAnswers, OfOneCertificateAreNoneOfAnother) {
  World world = world_of(answer_about(leaf_), hours(1));
  run(world);
  World silent;
  EXPECT_EQ(run_about(silent, leaf_of(kPublic)).outcome, Outcome::kUndetermined);
  EXPECT_EQ(run_about(silent, leaf_of("http://other.example.com/")).outcome,
            Outcome::kUndetermined);
}

TEST_F(KeptAnswers, AreOnlyThoseThatMayBeKeptAndCounted) {
  const auto changed = [this](const std::function<void(ResponseSpec&)>& change) {
    ResponseSpec spec{.entries = {entry_for(leaf_, P().intermediate.certificate, ocsp::Good{},
                                            HashAlgorithm::kSha256)}};
    change(spec);
    return build_response(P().ocsp_signer, spec);
  };
  struct Row {
    const char* what;
    World world;
  };
  for (Row& row : std::vector<Row>{
           {"max-age=0, no-store", world_of(answer_about(leaf_), Seconds(0))},
           {"unknown", world_of(answer_about(leaf_, ocsp::Unknown{}), hours(1))},
           {"forged",
            world_of(changed([](ResponseSpec& s) { s.break_signature = true; }), hours(1))}}) {
    run(row.world);
    EXPECT_THAT(files(), IsEmpty()) << row.what;
  }
  World endless =
      world_of(changed([](ResponseSpec& s) { s.entries.front().next_update.reset(); }), hours(1));
  EXPECT_EQ(run(endless).outcome, Outcome::kGood);
  EXPECT_FALSE(has(run(endless), "answer-from-cache"))
      << "nobody knows how long it may be believed";
}

TEST_F(KeptAnswers, AreNotLookedAtOffline) {
  World world = world_of(answer_about(leaf_), hours(1));
  run(world);
  options_.skip_live = true;
  EXPECT_EQ(run(world).outcome, Outcome::kUndetermined);
}

}  // namespace
}  // namespace muster::client
