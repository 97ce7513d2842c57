#include "keeper_fixture.h"

// Another issuer is found for a certificate than before: its signature was not verified until then,
// or the operator gave the wrong one.
namespace muster::keeper {
namespace {

class KeeperIssuerTest : public KeeperTest {
 protected:
  /// The leaf under a CA that has but the name of its issuer.
  Watched watch_under_namesake() {
    testing::CertificateSpec spec = testing::ca_spec("whatever");
    spec.subject = to_buffer(pki.intermediate.certificate.subject());
    Watched out = watch(leaf, "leaf");
    out.subject.issuer = testing::make_self_signed(spec).certificate;
    return out;
  }
  [[nodiscard]] StaplePointer held() const { return shelf->held(leaf.certificate.fingerprint()); }
};

TEST_F(KeeperIssuerTest, WhatLostItsAnswerIsAskedAboutAtOnce) {
  start_with_leaf();
  fetcher.answer(fresh());
  ASSERT_NE(staple(), nullptr);
  keeper->set_inventory({watch_under_namesake()});
  EXPECT_EQ(held(), nullptr);
  EXPECT_EQ(fetcher.pending.size(), 1U);
  EXPECT_EQ(status().state, CertificateState::kMissing);
}

TEST_F(KeeperIssuerTest, AnAnswerToAQuestionUnderTheOneBeforeIsNotTaken) {
  start_with_leaf();
  ASSERT_EQ(fetcher.pending.size(), 1U);
  keeper->set_inventory({watch_under_namesake()});
  ASSERT_EQ(fetcher.pending.size(), 2U) << "asked anew";
  fetcher.answer(fresh());  // to the older question
  EXPECT_EQ(held(), nullptr);
  EXPECT_EQ(staple(), nullptr);
  EXPECT_EQ(first_rounds, 0) << "the other question is open";
}

TEST_F(KeeperIssuerTest, NewsUnderTheOneBeforeAreNotBelieved) {
  start_with_leaf();
  fetcher.answer(fresh());
  go_to_next_request();
  fetcher.answer(fresh(revoked()));
  ASSERT_EQ(logger.count("revocation.reported"), 1U);
  keeper->set_inventory({watch_under_namesake()});
  for (int i = 0; i < 130; ++i) {
    if (!fetcher.pending.empty()) {
      fetcher.fail(net::FetchErrc::kConnect);
    }
    go(1);
  }
  EXPECT_EQ(held(), nullptr);
  EXPECT_EQ(logger.count("certificate.revoked"), 0U);
}

}  // namespace
}  // namespace muster::keeper
