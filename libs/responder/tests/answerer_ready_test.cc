// Answers signed once and used again: as long as they are true and young, and no longer.
#include <gmock/gmock.h>

#include "fixture.h"

namespace muster::responder {
namespace {

using std::chrono::hours;
using Status = ocsp::ResponseStatus;

const pki::Certificate& ca() { return standard_pki().intermediate.certificate; }
const pki::Certificate& delegate() { return standard_pki().ocsp_signer.certificate; }

TEST(ReadyAnswers, RemembersAnAnswerAndReadsTheRecordOnlyWhenTheStoreMoved) {
  World world;
  const Taken first = ask(world.answerer, leaf_request());
  const int finds = world.store.finds;
  const int renews = world.store.renews;
  const Taken second = ask(world.answerer, leaf_request(), kTestNow + Seconds(10));
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(world.store.finds, finds);
  EXPECT_EQ(world.store.renews, renews + 1) << "the store must be asked at every request";
  world.store.set(kIssuer, testing::make_serial(0x99), store::Status{});  // another serial changed
  const Taken third = ask(world.answerer, leaf_request(), kTestNow + Seconds(20));
  EXPECT_EQ(first.body, third.body);
  EXPECT_EQ(world.store.finds, finds + 1);
  EXPECT_EQ(world.counters.signatures.value(), 1U);
  EXPECT_EQ(world.counters.ready_hits.value(), 2U);
  EXPECT_EQ(world.counters.ready_rechecked.value(), 1U);
}

// req: OCSP-RESP-012
TEST(ReadyAnswers, SayHowOldTheirDataIsAndWhenTheyWereSigned) {
  World world;
  world.store.states[kIssuer].loaded_at = kTestNow - hours(1);
  const Taken made = ask(world.answerer, leaf_request(), kTestNow);
  const Taken kept = ask(world.answerer, leaf_request(), kTestNow + hours(2));
  ASSERT_EQ(world.counters.signatures.value(), 1U) << "served later as it was signed";
  for (const Taken* const taken : {&made, &kept}) {
    EXPECT_EQ(taken->single().this_update, kTestNow - hours(1));
    EXPECT_EQ(taken->parsed->basic->produced_at, kTestNow);
  }
}

// req: OCSP-RESP-050 OCSP-RESP-049
TEST(ReadyAnswers, SignsAnewBeforeAnyAnnouncedMaxAgeEnds) {
  World world;
  UnixSeconds produced{};
  UnixSeconds announced{};
  for (UnixSeconds now = kTestNow; now < kTestNow + hours(24 * 6); now += hours(3)) {
    world.store.states[kIssuer].loaded_at = now;
    const Taken taken = ask(world.answerer, leaf_request(), now);
    if (announced <= now) {
      EXPECT_GT(taken.parsed->basic->produced_at, produced)
          << "a fresher answer must be there by now";
    }
    produced = taken.parsed->basic->produced_at;
    const std::size_t at = taken.head.find("max-age=");
    ASSERT_NE(at, std::string::npos);
    announced = now + Seconds(std::stoll(taken.head.substr(at + 8)));
    EXPECT_LT(announced, *taken.single().next_update);
  }
}

// req: OCSP-RESP-049
TEST(ReadyAnswers, SpreadsRefetchingOverSerials) {
  World world;
  std::set<std::string> ages;
  for (unsigned n = 0; n < 50; ++n) {
    ocsp::Request request;
    request.requests.push_back(
        {pki::make_cert_id(HashAlgorithm::kSha256, ca(), testing::make_serial(1000 + n)), {}});
    const Taken taken = ask(world.answerer, request);
    ages.insert(taken.head.substr(taken.head.find("max-age="), 15));
  }
  EXPECT_GT(ages.size(), 25U);
}

TEST(ReadyAnswers, StopsSayingGoodWhenTheCrlEnds) {
  IssuerSpec spec = delegated_spec();
  spec.policy.unlisted = UnlistedAnswer::kGood;
  World world({spec});
  store::IssuerState& state = world.store.states[kIssuer];
  state.knows_issued = store::KnowsIssued::kNo;
  state.this_update = kTestNow - hours(1);
  state.next_update = kTestNow + hours(1);
  ++world.store.sequence;
  const Taken taken = ask(world.answerer, leaf_request());
  ASSERT_TRUE(taken.good());
  EXPECT_EQ(taken.single().this_update, kTestNow - hours(1));
  EXPECT_EQ(*taken.single().next_update, kTestNow + hours(1));
  for (int minute = 1; minute < 60; ++minute) {
    const Taken later = ask(world.answerer, leaf_request(), kTestNow + Seconds(60 * minute));
    ASSERT_TRUE(later.good());
    EXPECT_GT(*later.single().next_update, kTestNow + Seconds(60 * minute));
  }
  EXPECT_EQ(ask(world.answerer, leaf_request(), kTestNow + hours(1)).status(), Status::kTryLater);
}

// req: OCSP-RESP-072
TEST(ReadyAnswers, EndsWithTheSignersCertificate) {
  testing::CertificateSpec spec = testing::ocsp_signer_spec();
  spec.not_after = kTestNow + hours(48);
  const Identity signer = testing::issue(standard_pki().intermediate, spec);
  World world({delegated_spec(standard_pki().intermediate, signer)});
  EXPECT_EQ(*ask(world.answerer, leaf_request()).single().next_update, kTestNow + hours(48));
  const Taken over = ask(world.answerer, leaf_request(), kTestNow + hours(48));
  EXPECT_EQ(over.status(), Status::kTryLater);
  EXPECT_EQ(over.cause, Cause::kSignerExpired);
}

// req: OCSP-RESP-019
TEST(ReadyAnswers, ANewSignerAnswersFromTheNextRequestOn) {
  World world;
  EXPECT_TRUE(ask(world.answerer, leaf_request()).signed_by(delegate()));
  const Identity next =
      testing::issue(standard_pki().intermediate, testing::ocsp_signer_spec("next"));
  world.answerer.adopt(setup_of({delegated_spec(standard_pki().intermediate, next)}));
  const Taken taken = ask(world.answerer, leaf_request());
  EXPECT_TRUE(taken.signed_by(next.certificate));
  EXPECT_TRUE(pki::identifies(taken.parsed->basic->responder_id, next.certificate));
  EXPECT_TRUE(equal(taken.parsed->basic->certificates.at(0), next.certificate.der()));
}

// req: OCSP-RESP-083
TEST(ReadyAnswers, ShedsBeyondTheSigningLimitButServesWhatIsReady) {
  Policy policy;
  policy.signatures_per_second = 3;
  World world({delegated_spec()}, policy);
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  unsigned shed = 0;
  for (unsigned n = 0; n < 10; ++n) {
    ocsp::Request request;
    request.requests.push_back(
        {pki::make_cert_id(HashAlgorithm::kSha256, ca(), testing::make_serial(n + 1)), {}});
    const Taken taken = ask(world.answerer, request);
    shed += taken.cause == Cause::kSigningLimit ? 1 : 0;
    EXPECT_TRUE(taken.unknown() || taken.status() == Status::kTryLater);
  }
  EXPECT_EQ(shed, 8U);
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  EXPECT_TRUE(ask(world.answerer, with_nonce(leaf_request(), 16), kTestNow + Seconds(1)).good());
}

// req: OCSP-RESP-045
TEST(ReadyAnswers, SignsNothingWhileTheClockIsUnsure) {
  Policy policy;
  policy.max_clock_error = Milliseconds(2000);
  World world({delegated_spec()}, policy);
  EXPECT_EQ(ask(world.answerer, leaf_request()).cause, Cause::kClockUnsure)
      << "nobody vouched for the clock yet";
  world.answerer.set_clock_error(Milliseconds(2001));
  EXPECT_EQ(ask(world.answerer, leaf_request()).status(), Status::kTryLater);
  world.answerer.set_clock_error(Milliseconds(2000));
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  world.answerer.set_clock_error(std::nullopt);
  EXPECT_EQ(ask(world.answerer, with_nonce(leaf_request(), 16)).status(), Status::kTryLater);
}

TEST(ReadyAnswers, WorksWithoutRememberingAnything) {
  Policy policy;
  policy.ready_answers = 0;
  World world({delegated_spec()}, policy);
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  EXPECT_EQ(world.counters.signatures.value(), 2U);
}

}  // namespace
}  // namespace muster::responder
