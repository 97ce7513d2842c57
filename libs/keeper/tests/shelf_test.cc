#include "muster/keeper/shelf.h"

#include <atomic>
#include <thread>

#include "shelf_fixture.h"

namespace muster::keeper {
namespace {

class ShelfTest : public ShelfFixture {
 protected:
  void SetUp() override { open(); }
};

// req: OCSP-STAP-010
TEST_F(ShelfTest, OffersExactlyTheOctetsReceived) {
  const Buffer response = make_response(leaf);
  EXPECT_EQ(found(), nullptr);
  EXPECT_EQ(offer(response), Choice::kTake);
  ASSERT_NE(found(), nullptr);
  EXPECT_TRUE(equal(found()->der(), response));
  EXPECT_EQ(found()->source, "http://ocsp.example/");
  EXPECT_EQ(shelf->find(other.certificate.fingerprint(), now), nullptr)
      << "a staple is for one certificate";
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].name, "leaf");
  EXPECT_EQ(events[0].change, ShelfChange::kReplaced);
}

// req: OCSP-STAP-003
TEST_F(ShelfTest, NeverHandsOutWhatHasExpiredEvenWithoutTick) {
  offer(make_response(leaf, {-3600, 100}));
  now += Seconds(98);
  EXPECT_NE(found(), nullptr);
  now += Seconds(1);  // the margin of one second
  EXPECT_EQ(found(), nullptr);
  now += Seconds(1);
  EXPECT_EQ(found(), nullptr);
  shelf->tick(now);
  EXPECT_EQ(events.back().change, ShelfChange::kWithdrawn);
  EXPECT_EQ(events.back().staple, nullptr);
  EXPECT_FALSE(read_file(path(), 1 << 20)) << "an expired response is removed from disk";
  EXPECT_EQ(shelf->next_deadline(), std::nullopt);
}

TEST_F(ShelfTest, AnotherMarginCountsForWhatIsHeld) {
  offer(make_response(leaf, {-3600, 100}));
  offer(make_response(leaf, {1000, 9000}));
  events.clear();
  shelf->set_expiry_margin(Seconds(5));
  EXPECT_TRUE(events.empty());
  EXPECT_EQ(shelf->held_back(leaf.certificate.fingerprint())->facts.expires,
            kTestNow + Seconds(8995));
  EXPECT_EQ(shelf->next_deadline(), kTestNow + Seconds(95));
  pass(94);
  EXPECT_NE(found(), nullptr);
  now += Seconds(1);
  EXPECT_EQ(found(), nullptr) << "nobody waits for the tick";
  shelf->tick(now);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].change, ShelfChange::kWithdrawn);
  offer(make_response(leaf, {50, 500}));
  EXPECT_EQ(found()->facts.expires, kTestNow + Seconds(495));
  shelf->set_expiry_margin(Seconds(1));
  EXPECT_EQ(found()->facts.expires, kTestNow + Seconds(499));
}

TEST_F(ShelfTest, AClockThatIsSetBackTakesNothingAway) {
  offer(make_response(leaf));
  EXPECT_NE(shelf->find(leaf.certificate.fingerprint(), kTestNow - Seconds(86'400)), nullptr)
      << "it had begun when it was put on offer";
}

// req: OCSP-STAP-002
TEST_F(ShelfTest, WhatAClockThatWasAheadTookAndWithdrewIsNoMeasureOfWhatIsTrueNow) {
  now = kTestNow + Seconds(7200);  // and so is the clock of that responder
  EXPECT_EQ(offer(make_response(leaf, {7100, 7800})), Choice::kTake);
  now = kTestNow;
  EXPECT_EQ(offer(make_response(leaf, {-100, 600})), Choice::kOlder) << "while it is on offer";
  now = kTestNow + Seconds(7200);
  pass(600);
  EXPECT_EQ(found(), nullptr);
  now = kTestNow;
  EXPECT_EQ(offer(make_response(leaf, {-200, 600}, revoked(ReasonCode::kCertificateHold))),
            Choice::kOlder)
      << "news has its own rules";
  EXPECT_EQ(offer(make_response(leaf, {-100, 600})), Choice::kTake);
  EXPECT_NE(found(), nullptr);
  pass(700);
  EXPECT_EQ(found(), nullptr);
  now = kTestNow + Seconds(300);
  EXPECT_EQ(offer(make_response(leaf, {-200, 5000})), Choice::kOlder)
      << "a memory of what has begun counts";
}

TEST_F(ShelfTest, ButItsMemoryOfARevocationCounts) {
  now = kTestNow + Seconds(7200);
  EXPECT_EQ(offer(make_response(leaf, {7100, 7800}, revoked())), Choice::kTakeRevocation);
  pass(600);
  EXPECT_EQ(found(), nullptr);
  now = kTestNow;
  EXPECT_EQ(offer(make_response(leaf, {-100, 600})), Choice::kRevocationStands);
  EXPECT_EQ(found(), nullptr);
}

TEST_F(ShelfTest, OlderDoesNotReplaceNewer) {
  const Buffer newer = make_response(leaf, {-100, 5000});
  offer(newer);
  EXPECT_EQ(offer(make_response(leaf, {-200, 9000})), Choice::kOlder);
  EXPECT_EQ(offer(newer), Choice::kSame);
  EXPECT_TRUE(equal(found()->der(), newer));
}

// req: OCSP-STAP-002
TEST_F(ShelfTest, RevokedReplacesGoodAndIsNews) {
  offer(make_response(leaf, {-100, 5000}));
  EXPECT_EQ(offer(make_response(leaf, {-200, 9000}, revoked())), Choice::kTakeRevocation);
  EXPECT_EQ(events.back().change, ShelfChange::kRevoked);
  EXPECT_EQ(found()->facts.status, StapleStatus::kRevoked);
  EXPECT_EQ(offer(make_response(leaf, {-1, 9000})), Choice::kRevocationStands);
  EXPECT_EQ(found()->facts.status, StapleStatus::kRevoked);
}

TEST_F(ShelfTest, AHoldIsLifted) {
  offer(make_response(leaf, {-200, 5000}, revoked(ReasonCode::kCertificateHold)));
  EXPECT_EQ(found()->facts.status, StapleStatus::kOnHold);
  EXPECT_EQ(offer(make_response(leaf, {-100, 5000})), Choice::kTakeReinstatement);
  EXPECT_EQ(events.back().change, ShelfChange::kReinstated);
}

TEST_F(ShelfTest, UnknownIsNeverOffered) {
  EXPECT_EQ(offer(make_response(leaf, {}, ocsp::Unknown{})), Choice::kUnknownStatus);
  EXPECT_EQ(found(), nullptr);
}

TEST_F(ShelfTest, WithholdsARevokedAnswerWhenToldTo) {
  ShelfPolicy policy;
  policy.revoked = RevokedPolicy::kWithhold;
  open(ShelfMode::kOwner, policy);
  offer(make_response(leaf, {-200, 5000}));
  EXPECT_NE(found(), nullptr);
  offer(make_response(leaf, {-100, 5000}, revoked()));
  EXPECT_EQ(found(), nullptr) << "neither the revoked answer nor the good one it replaced";
  EXPECT_EQ(events.back().change, ShelfChange::kRevoked);
  EXPECT_EQ(events.back().staple, nullptr);
  EXPECT_EQ(shelf->held(leaf.certificate.fingerprint())->facts.status, StapleStatus::kRevoked);
  const std::size_t told = events.size();
  EXPECT_EQ(offer(make_response(leaf, {-50, 6000}, revoked())), Choice::kTake);
  EXPECT_EQ(events.size(), told) << "nothing was on offer, and nothing is";
}

// req: OCSP-STAP-006
TEST_F(ShelfTest, HoldsBackWhatIsFromTheFutureUntilItBegins) {
  const Buffer present = make_response(leaf, {-100, 5000});
  const Buffer ahead = make_response(leaf, {30, 9000});
  offer(present);
  EXPECT_EQ(offer(ahead), Choice::kHoldBack);
  EXPECT_EQ(offer(make_response(leaf, {60, 9000})), Choice::kHoldBack) << "the sooner one stays";
  EXPECT_EQ(shelf->next_deadline(), kTestNow + Seconds(30));
  pass(29);
  EXPECT_TRUE(equal(found()->der(), present));
  pass(1);
  EXPECT_TRUE(equal(found()->der(), ahead));
  EXPECT_EQ(shelf->held_back(leaf.certificate.fingerprint()), nullptr);
}

TEST_F(ShelfTest, AnAnswerTooFarInTheFutureDoesNotVerify) {
  const Buffer far = make_response(leaf, {3601, 90000});
  const auto result =
      client::verify({far, leaf.certificate, pki.intermediate.certificate, std::nullopt, {}},
                     shelf->policy().verify, now);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, client::VerifyErrc::kNotYetValid);
}

// req: OCSP-STAP-005
TEST_F(ShelfTest, AnAnswerWithoutNextUpdateIsKeptForAnHourFromReceipt) {
  EXPECT_EQ(offer(make_response(leaf, {-7200, std::nullopt})), Choice::kTake);
  EXPECT_EQ(found()->facts.expires, kTestNow + Seconds(3599));
  pass(1800);
  EXPECT_EQ(offer(make_response(leaf, {-7200, std::nullopt})), Choice::kTake)
      << "received again: its hour begins anew";
  EXPECT_EQ(found()->facts.expires, kTestNow + Seconds(5399));
  pass(3600);
  EXPECT_EQ(found(), nullptr);
}

// req: OCSP-STAP-016
TEST_F(ShelfTest, InTheChargingProfileAResponseLivesAWeekAtMost) {
  ShelfPolicy policy;
  policy.max_age = Seconds(7 * 86400);
  open(ShelfMode::kOwner, policy);
  offer(make_response(leaf, {-86400, 30 * 86400}));
  pass(6 * 86400 - 2);
  EXPECT_NE(found(), nullptr);
  pass(1);
  EXPECT_EQ(found(), nullptr);
}

TEST_F(ShelfTest, ALongerLivedGoodOneComesBackWhenANewerShortOneEnds) {
  const Buffer lasting = make_response(leaf, {-100, 50000});
  offer(lasting);
  offer(make_response(leaf, {-50, 500}));
  EXPECT_EQ(found()->facts.expires, kTestNow + Seconds(499));
  pass(500);
  ASSERT_NE(found(), nullptr) << "a live good one must not be lost to one that lasted shorter";
  EXPECT_TRUE(equal(found()->der(), lasting));
  EXPECT_EQ(events.back().change, ShelfChange::kReplaced);
}

TEST_F(ShelfTest, ButNotAfterARevocation) {
  offer(make_response(leaf, {-100, 50000}));
  offer(make_response(leaf, {-50, 500}));
  offer(make_response(leaf, {-40, 700}, revoked()));
  pass(701);
  EXPECT_EQ(found(), nullptr);
  EXPECT_EQ(offer(make_response(leaf, {-100, 50000})), Choice::kOlder)
      << "an old good answer does not undo it";
}

// req: OCSP-STAP-012
TEST_F(ShelfTest, EachCertificateHasItsOwn) {
  offer(make_response(leaf));
  const Buffer response = make_response(other);
  shelf->offer(verified(response, other), "x", now);
  EXPECT_TRUE(equal(shelf->find(other.certificate.fingerprint(), now)->der(), response));
  EXPECT_FALSE(equal(found()->der(), response));
}

TEST_F(ShelfTest, ACertificateThatLeavesTheInventoryIsNotOfferedAndNothingIsTakenForIt) {
  offer(make_response(leaf));
  const auto late = verified(make_response(leaf, {-1, 5000}), leaf);
  shelf->set_subjects({subject_of(other, "other")}, now);
  EXPECT_EQ(found(), nullptr);
  EXPECT_FALSE(takes(shelf->offer(late, "x", now)));
  shelf->set_subjects({subject_of(leaf, "leaf"), subject_of(leaf, "twice")}, now);
  EXPECT_NE(found(), nullptr) << "back from disk";
}

TEST_F(ShelfTest, WhatWasVerifiedForAnotherIssuerIsNotOfferedOn) {
  offer(make_response(leaf));
  ASSERT_NE(found(), nullptr);
  const auto& issuer = pki.intermediate.certificate;
  testing::CertificateSpec spec = testing::ca_spec("whatever");
  spec.subject = to_buffer(issuer.subject());
  const auto namesake = testing::make_self_signed(spec);
  shelf->set_subjects({Subject{"leaf", leaf.certificate, namesake.certificate}}, now);
  EXPECT_EQ(found(), nullptr);
  EXPECT_EQ(shelf->held(leaf.certificate.fingerprint()), nullptr);
  shelf->set_subjects({Subject{"leaf", leaf.certificate, issuer}}, now);
  EXPECT_NE(found(), nullptr) << "what lies on disk is still for the true one";
}

TEST(ShelfInMemory, WorksWithoutADirectory) {
  MemoryLogger logger;
  auto shelf = Shelf::open("", ShelfMode::kOwner, {}, logger);
  ASSERT_TRUE(shelf);
  const auto& pki = testing::standard_pki();
  (*shelf)->set_subjects({subject_of(pki.leaf, "leaf")}, kTestNow);
  const Buffer response = make_response(pki.leaf);
  const auto verified = client::verify(
      {response, pki.leaf.certificate, pki.intermediate.certificate, std::nullopt, {}},
      (*shelf)->policy().verify, kTestNow);
  ASSERT_TRUE(verified);
  EXPECT_EQ((*shelf)->offer(*verified, "x", kTestNow), Choice::kTake);
  EXPECT_NE((*shelf)->find(pki.leaf.certificate.fingerprint(), kTestNow), nullptr);
  EXPECT_EQ(logger.warnings(), 0U);
}

TEST_F(ShelfTest, ReadersOnOtherThreadsAlwaysSeeAWholeLiveStaple) {
  offer(make_response(leaf, {-3600, 86400}));
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> reads{0}, empty{0}, backwards{0};
  std::vector<std::jthread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      UnixSeconds last{};
      while (!stop) {
        const StaplePointer staple = shelf->find(leaf.certificate.fingerprint(), kTestNow);
        if (!staple) {
          ++empty;
        } else {
          backwards += staple->facts.this_update < last ? 1U : 0U;
          last = staple->facts.this_update;
        }
        ++reads;
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    offer(make_response(leaf, {-3000 + i, 86400}));
    const std::uint64_t before = reads;
    while (reads < before + 10) {
      std::this_thread::yield();
    }
  }
  stop = true;
  readers.clear();
  EXPECT_EQ(empty, 0U);
  EXPECT_EQ(backwards, 0U);
}

TEST(ShelfViews, AThreadThatReadsManyShelvesIsNeverServedAnothersStaple) {
  MemoryLogger logger;
  const auto& pki = testing::standard_pki();
  const Buffer response = make_response(pki.leaf);
  const auto verified = client::verify(
      {response, pki.leaf.certificate, pki.intermediate.certificate, std::nullopt, {}},
      ShelfPolicy::default_verify_policy(), kTestNow);
  ASSERT_TRUE(verified);
  std::vector<std::unique_ptr<Shelf>> shelves;
  for (int i = 0; i < 10; ++i) {
    auto shelf = Shelf::open("", ShelfMode::kOwner, {}, logger);
    ASSERT_TRUE(shelf);
    (*shelf)->set_subjects({subject_of(pki.leaf, "leaf")}, kTestNow);
    if (i % 2 == 0) {
      (*shelf)->offer(*verified, "x", kTestNow);
    }
    shelves.push_back(*std::move(shelf));
  }
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < shelves.size(); ++i) {
      EXPECT_EQ(shelves[i]->find(pki.leaf.certificate.fingerprint(), kTestNow) != nullptr,
                i % 2 == 0);
    }
  }
}

}  // namespace
}  // namespace muster::keeper
