#include "snapshot.h"

#include <atomic>
#include <random>
#include <thread>

#include "shelf_fixture.h"

namespace muster::keeper {
namespace {

class OffersTest : public ShelfFixture {
 protected:
  void SetUp() override { staple = make(); }
  StaplePointer make() {
    const auto response = verified(make_response(leaf), leaf);
    return std::make_shared<const Staple>(Staple{response, {}, now, "http://ocsp.example/"});
  }
  static Fingerprint id(std::uint8_t shard, std::uint8_t n) {
    Fingerprint f{};
    f[0] = shard;
    f[1] = n;
    return f;
  }
  StaplePointer staple;
  Offers offers;
};

TEST_F(OffersTest, FindsWhatIsPublishedUntilItIsWithdrawn) {
  const std::uint64_t before = offers.epoch();
  EXPECT_EQ(offers.find(id(1, 1)), nullptr);
  offers.publish(id(1, 1), staple);
  EXPECT_GT(offers.epoch(), before);
  EXPECT_EQ(offers.find(id(1, 1)), staple);
  EXPECT_EQ(offers.find(id(1, 2)), nullptr);
  const StaplePointer newer = make();
  offers.publish(id(1, 1), newer);
  EXPECT_EQ(offers.find(id(1, 1)), newer);
  offers.publish(id(1, 1), nullptr);
  EXPECT_EQ(offers.find(id(1, 1)), nullptr);
}

TEST_F(OffersTest, WhatIsHeldIsSeenAtOnceWhenTheLastOneLetsGo) {
  offers.publish(id(1, 1), staple);
  offers.publish(id(2, 1), staple);
  const std::uint64_t before = offers.epoch();
  {
    const Offers::Hold outer(offers);
    offers.publish(id(1, 1), nullptr);
    {
      const Offers::Hold inner(offers);
      offers.publish(id(1, 2), staple);
      offers.publish(id(3, 1), staple);
    }
    EXPECT_EQ(offers.epoch(), before);
    EXPECT_EQ(offers.find(id(1, 1)), staple);
    EXPECT_EQ(offers.find(id(1, 2)), nullptr);
    EXPECT_EQ(offers.find(id(3, 1)), nullptr);
  }
  EXPECT_EQ(offers.epoch(), before + 1);
  EXPECT_EQ(offers.find(id(1, 1)), nullptr);
  EXPECT_EQ(offers.find(id(1, 2)), staple);
  EXPECT_EQ(offers.find(id(2, 1)), staple);
  EXPECT_EQ(offers.find(id(3, 1)), staple);
  { const Offers::Hold idle(offers); }
  EXPECT_EQ(offers.epoch(), before + 1) << "nothing was published";
}

TEST_F(OffersTest, HeldOrOneByOneTheOutcomeIsTheSame) {
  Offers one_by_one;
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    const Offers::Hold hold(offers);
    for (int i = 0; i < 100; ++i) {
      const Fingerprint f =
          id(static_cast<std::uint8_t>(random() % 3), static_cast<std::uint8_t>(random() % 50));
      const StaplePointer what = random() % 3 == 0 ? nullptr : staple;
      offers.publish(f, what);
      one_by_one.publish(f, what);
    }
  }
  for (unsigned shard = 0; shard < 4; ++shard) {
    for (unsigned n = 0; n < 51; ++n) {
      const Fingerprint f = id(static_cast<std::uint8_t>(shard), static_cast<std::uint8_t>(n));
      EXPECT_EQ(offers.find(f), one_by_one.find(f)) << shard << ' ' << n;
    }
  }
}

TEST_F(OffersTest, AnotherThreadSeesAllOrNothingOfWhatIsHeld) {
  std::atomic<bool> is_over{false};
  std::thread reader([&] {
    while (!is_over) {
      const bool has_last = offers.find(id(200, 1)) != nullptr;
      const bool has_first = offers.find(id(5, 1)) != nullptr;
      // The first is published first and never withdrawn.
      EXPECT_TRUE(has_first || !has_last);
    }
  });
  for (int i = 0; i < 200; ++i) {
    const Offers::Hold hold(offers);
    offers.publish(id(5, 1), staple);
    offers.publish(id(200, 1), staple);
  }
  is_over = true;
  reader.join();
  EXPECT_EQ(offers.find(id(200, 1)), staple);
}

}  // namespace
}  // namespace muster::keeper
