#include "muster/responder/signing_desk.h"

#include <gtest/gtest.h>

#include "muster/testing/held_key.h"
#include "muster/testing/pki_builder.h"

namespace muster::responder {
namespace {

using muster::testing::HeldKey;
using muster::testing::standard_pki;
using Taken = SigningDesk::Taken;

class SigningDeskTest : public ::testing::Test {
 protected:
  SigningDeskTest() { held_->set(HeldKey::Mode::kHeld); }

  Taken order(SigningDesk::Seat seat, SigningDesk::Ticket ticket, const Buffer& key) {
    DeskResult wanted;
    wanted.tbs = to_buffer(as_bytes("tbs " + std::to_string(ticket)));
    return desk_->order(seat, ticket, key, std::move(wanted), signer_);
  }
  SigningDesk::Seat sit(std::vector<std::pair<SigningDesk::Ticket, std::string>>& got) {
    return desk_->take_seat([&got](SigningDesk::Ticket ticket,
                                   const std::shared_ptr<const DeskResult>& result) {
      got.emplace_back(ticket, result->signature ? std::string(as_text(result->tbs)) : "failed");
    });
  }

  std::shared_ptr<HeldKey> held_ = std::make_shared<HeldKey>(standard_pki().ocsp_signer.key);
  pki::Signer signer_ = *pki::Signer::make(*pki::PrivateKey::remote(held_));
  std::shared_ptr<SigningDesk> desk_ = std::make_shared<SigningDesk>(2, 4);
  using Got = std::vector<std::pair<SigningDesk::Ticket, std::string>>;
  Got first_, second_;
};

TEST_F(SigningDeskTest, RequestsForTheSameShareOneSignature) {
  const auto a = sit(first_);
  const auto b = sit(second_);
  EXPECT_EQ(order(a, 1, {7}), Taken::kTaken);
  EXPECT_EQ(order(b, 2, {7}), Taken::kTaken);
  EXPECT_EQ(order(a, 3, {7}), Taken::kTaken);
  EXPECT_EQ(held_->taken(), 1u);
  held_->answer();
  EXPECT_EQ(first_, (Got{{1, "tbs 1"}, {3, "tbs 1"}}))
      << "what was signed is said, for everyone to compare";
  EXPECT_EQ(second_, (Got{{2, "tbs 1"}}));
  EXPECT_EQ(desk_->counters().joined.load(), 2u);
  EXPECT_EQ(order(a, 4, {7}), Taken::kTaken);
  EXPECT_EQ(held_->taken(), 2u) << "the one before is over";
  held_->answer();
}

TEST_F(SigningDeskTest, WithoutAKeyNothingIsShared) {
  const auto a = sit(first_);
  order(a, 1, {});
  order(a, 2, {});
  EXPECT_EQ(held_->taken(), 2u);
  held_->answer();
  held_->answer();
  EXPECT_EQ(first_, (Got{{1, "tbs 1"}, {2, "tbs 2"}}));
}

TEST_F(SigningDeskTest, OneJobTooManyIsRefusedAtOnce) {
  const auto a = sit(first_);
  EXPECT_EQ(order(a, 1, {1}), Taken::kTaken);
  EXPECT_EQ(order(a, 2, {2}), Taken::kTaken);
  EXPECT_EQ(order(a, 3, {3}), Taken::kFull);
  EXPECT_EQ(order(a, 4, {2}), Taken::kTaken) << "joining costs the key nothing";
  EXPECT_EQ(order(a, 5, {2}), Taken::kTaken);
  EXPECT_EQ(order(a, 6, {2}), Taken::kFull) << "but those who wait are counted, too";
  EXPECT_EQ(desk_->counters().full.load(), 2u);
  EXPECT_EQ(desk_->counters().in_flight.load(), 2u);
  held_->answer();
  EXPECT_EQ(order(a, 7, {3}), Taken::kTaken);
  held_->answer();
  held_->answer();
  EXPECT_EQ(first_.size(), 5u);
  EXPECT_EQ(desk_->counters().in_flight.load(), 0u);
}

TEST_F(SigningDeskTest, FailuresAreDelivered) {
  const auto a = sit(first_);
  order(a, 1, {1});
  held_->fail();
  held_->set(HeldKey::Mode::kFailing);
  order(a, 2, {1});  // refused inside the call
  EXPECT_EQ(first_, (Got{{1, "failed"}, {2, "failed"}}));
  EXPECT_EQ(desk_->counters().failures.load(), 2u);
}

TEST_F(SigningDeskTest, NothingReachesASeatThatWasLeft) {
  const auto a = sit(first_);
  const auto b = sit(second_);
  order(a, 1, {1});
  order(b, 2, {1});
  desk_->leave_seat(a);
  held_->answer();
  EXPECT_TRUE(first_.empty());
  EXPECT_EQ(second_.size(), 1u);
}

TEST_F(SigningDeskTest, OrdersOfAnotherSetupAreNotJoined) {
  const auto a = sit(first_);
  DeskResult one, other;
  other.setup = std::shared_ptr<const responder::Setup>(
      std::make_shared<const int>(1),
      reinterpret_cast<const responder::Setup*>(this));  // only compared
  desk_->order(a, 1, {1}, std::move(one), signer_);
  desk_->order(a, 2, {1}, std::move(other), signer_);
  EXPECT_EQ(held_->taken(), 2u);
  held_->answer();
  held_->answer();
  EXPECT_EQ(first_.size(), 2u);
}

}  // namespace
}  // namespace muster::responder
