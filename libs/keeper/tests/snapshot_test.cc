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
  constexpr std::uint8_t kPairs = 200;
  std::atomic<bool> is_over{false};
  std::atomic<std::uint8_t> newest{0};
  std::thread reader([&] {
    while (!is_over) {
      const std::uint8_t n = newest;
      const bool has_first = offers.find(id(5, n)) != nullptr;
      const bool has_last = offers.find(id(200, n)) != nullptr;
      // Neither is withdrawn, and the last was looked for later.
      EXPECT_TRUE(has_last || !has_first);
    }
  });
  for (std::uint8_t n = 0; n < kPairs; ++n) {
    newest = n;
    const Offers::Hold hold(offers);
    offers.publish(id(5, n), staple);
    offers.publish(id(200, n), staple);
  }
  is_over = true;
  reader.join();
  EXPECT_EQ(offers.find(id(200, kPairs - 1)), staple);
}

}  // namespace
}  // namespace muster::keeper
