#include "kept.h"

#include <gmock/gmock.h>

#include "shelf_fixture.h"

namespace muster::stapler {
namespace {

class KeptTest : public keeper::ShelfFixture {
 protected:
  static keeper::Watched watched(const testing::Identity& identity) {
    return {keeper::subject_of(identity, "web"), {}};
  }
  static Inventory inventory_of(const testing::Identity& identity) {
    Inventory out;
    out.entries.push_back({watched(identity), "", "/tls/web.pem", false});
    return out;
  }
};

TEST_F(KeptTest, AFormerCertificateIsLookedAfterUntilTheStapleThatServersMayHaveEnds) {
  open();
  offer(keeper::make_response(leaf, {-3600, 5 * 86400}));
  ASSERT_NE(found(), nullptr);
  KeptCertificates kept;
  EXPECT_EQ(kept.add_replaced(inventory_of(leaf), inventory_of(other), *shelf, now).size(), 1U);
  const Kept& one = kept.all().at(leaf.certificate.fingerprint());
  EXPECT_EQ(one.watched.subject.name, "former/web");
  EXPECT_EQ(one.until, found()->facts.expires);
  const UnixSeconds until = one.until;
  EXPECT_FALSE(kept.drop_over(until - Seconds(1)));
  EXPECT_TRUE(kept.drop_over(until));
  EXPECT_TRUE(kept.all().empty());
}

TEST_F(KeptTest, OneWithoutAStapleIsLookedAfterForADay) {
  open();
  KeptCertificates kept;
  kept.add_replaced(inventory_of(leaf), inventory_of(other), *shelf, now);
  EXPECT_EQ(kept.all().at(leaf.certificate.fingerprint()).until, now + kKeptFor);
}

TEST_F(KeptTest, NoneIsLookedAfterBeyondItsOwnEnd) {
  open();
  testing::CertificateSpec spec = testing::leaf_spec("short.example");
  const UnixSeconds end = now + Seconds(3600);
  spec.not_after = end;
  const testing::Identity brief = testing::issue(pki.intermediate, spec);
  KeptCertificates kept;
  EXPECT_EQ(kept.add_replaced(inventory_of(brief), inventory_of(other), *shelf, now).size(), 1U);
  EXPECT_EQ(kept.all().at(brief.certificate.fingerprint()).until, end);
  KeptCertificates later;
  EXPECT_TRUE(later.add_replaced(inventory_of(brief), inventory_of(other), *shelf, end).empty());
}

TEST_F(KeptTest, FormerOnesMakeRoomBeforeThoseSomebodyWaitsFor) {
  KeptCertificates kept(2);
  kept.add({watched(leaf), KeptAs::kStaged, now + Seconds(10)});
  kept.add({watched(other), KeptAs::kFormer, now + Seconds(100)});
  kept.add({watched(pki.intermediate), KeptAs::kFormer, now + Seconds(50)});
  EXPECT_EQ(kept.all().size(), 2U);
  EXPECT_TRUE(kept.contains(leaf.certificate.fingerprint()));
  EXPECT_FALSE(kept.contains(other.certificate.fingerprint()));
}

TEST_F(KeptTest, WhatIsAddedAgainTakenOutOrOverIsInNobodysPlace) {
  KeptCertificates kept(2);
  kept.add({watched(leaf), KeptAs::kFormer, now + Seconds(10)});
  kept.add({watched(leaf), KeptAs::kFormer, now + Seconds(100)});
  kept.add({watched(other), KeptAs::kFormer, now + Seconds(50)});
  ASSERT_EQ(kept.all().size(), 2U);
  kept.add({watched(pki.intermediate), KeptAs::kFormer, now + Seconds(60)});
  EXPECT_TRUE(kept.contains(leaf.certificate.fingerprint())) << "it ends last";
  EXPECT_FALSE(kept.contains(other.certificate.fingerprint()));
  kept.erase(leaf.certificate.fingerprint());
  EXPECT_TRUE(kept.drop_over(now + Seconds(60)));
  EXPECT_TRUE(kept.all().empty());
  kept.add({watched(leaf), KeptAs::kFormer, now + Seconds(100)});
  kept.add({watched(other), KeptAs::kFormer, now + Seconds(50)});
  EXPECT_EQ(kept.all().size(), 2U) << "there was room";
}

}  // namespace
}  // namespace muster::stapler
